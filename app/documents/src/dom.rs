//! A web page as a tree, built by `html5ever` into one vector and with bounds on depth and size.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::interface::tree_builder::ElemName;
use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, LocalName, Namespace, ParseOpts, QualName, parse_document};

use crate::limits::{HTML_BYTES_MAX, HTML_CHUNK_BYTES, HTML_DEPTH_MAX, HTML_NODES_MAX};

/// What a node is.
#[derive(Debug)]
pub(crate) enum Content {
    /// The document, a comment, a template's inside: nothing to read.
    Other,
    /// Text.
    Text(String),
    /// An element with its name in lower case and its attributes.
    Element { name: QualName, attributes: Vec<Attribute> },
}

#[derive(Debug)]
struct Node {
    content: Content,
    parent: Option<usize>,
    children: Vec<usize>,
}

/// A parsed page. Node 0 is the document.
#[derive(Debug)]
pub(crate) struct Dom {
    nodes: Vec<Node>,
    deepest: usize,
}

impl Dom {
    /// Parses a page, however broken.
    ///
    /// # Errors
    ///
    /// Why it is refused: too large, too deep or growing without end.
    pub(crate) fn parse(html: &str) -> Result<Self, String> {
        if html.len() > HTML_BYTES_MAX {
            return Err(format!("{} bytes of HTML, the limit is {HTML_BYTES_MAX}", html.len()));
        }
        let document = Node { content: Content::Other, parent: None, children: Vec::new() };
        let sink = Sink(RefCell::new(Self { nodes: vec![document], deepest: 0 }));
        let mut parser = parse_document(sink, ParseOpts::default());
        let mut rest = html;
        while !rest.is_empty() {
            let mut end = HTML_CHUNK_BYTES.min(rest.len());
            while !rest.is_char_boundary(end) {
                end += 1;
            }
            parser.process(StrTendril::from_slice(&rest[..end]));
            rest = &rest[end..];
            let dom = parser.tokenizer.sink.sink.0.borrow();
            if dom.deepest > HTML_DEPTH_MAX {
                return Err(format!("elements nest deeper than {HTML_DEPTH_MAX}"));
            }
            if dom.nodes.len() > HTML_NODES_MAX {
                return Err(format!("more than {HTML_NODES_MAX} elements"));
            }
        }
        let dom = parser.finish();
        if dom.deepest > HTML_DEPTH_MAX { Err("elements nest too deep".into()) } else { Ok(dom) }
    }

    /// What a node is.
    pub(crate) fn content(&self, node: usize) -> &Content {
        &self.nodes[node].content
    }

    /// Its children, in order.
    pub(crate) fn children(&self, node: usize) -> &[usize] {
        &self.nodes[node].children
    }

    /// An element's name; empty for anything else.
    pub(crate) fn name(&self, node: usize) -> &str {
        match &self.nodes[node].content {
            Content::Element { name, .. } => &name.local,
            _ => "",
        }
    }

    /// An attribute; empty if there is none.
    pub(crate) fn attribute(&self, node: usize, wanted: &str) -> &str {
        match &self.nodes[node].content {
            Content::Element { attributes, .. } => attributes
                .iter()
                .find(|attribute| &*attribute.name.local == wanted)
                .map_or("", |attribute| &attribute.value),
            _ => "",
        }
    }

    /// The first element of that name, in reading order.
    pub(crate) fn find(&self, wanted: &str) -> Option<usize> {
        let mut waiting = vec![0];
        while let Some(node) = waiting.pop() {
            if self.name(node) == wanted {
                return Some(node);
            }
            waiting.extend(self.children(node).iter().rev());
        }
        None
    }

    /// All text below a node, unclean.
    pub(crate) fn text(&self, node: usize) -> String {
        let mut out = String::new();
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            if let Content::Text(text) = &self.nodes[node].content {
                out.push_str(text);
            }
            waiting.extend(self.children(node).iter().rev());
        }
        out
    }

    fn add(&mut self, content: Content) -> usize {
        self.nodes.push(Node { content, parent: None, children: Vec::new() });
        self.nodes.len() - 1
    }

    fn detach(&mut self, node: usize) {
        if let Some(parent) = self.nodes[node].parent.take() {
            self.nodes[parent].children.retain(|child| *child != node);
        }
    }

    /// Puts something before the `at`-th child of `parent`.
    fn insert(&mut self, parent: usize, at: usize, child: NodeOrText<usize>) {
        let node = match child {
            NodeOrText::AppendNode(node) => {
                self.detach(node);
                node
            }
            NodeOrText::AppendText(text) => {
                let children = &self.nodes[parent].children;
                let last = at.min(children.len()).checked_sub(1).map(|last| children[last]);
                if let Some(last) = last
                    && let Content::Text(before) = &mut self.nodes[last].content
                {
                    before.push_str(&text);
                    return;
                }
                self.add(Content::Text(text.to_string()))
            }
        };
        self.nodes[node].parent = Some(parent);
        let at = at.min(self.nodes[parent].children.len());
        self.nodes[parent].children.insert(at, node);
        if matches!(self.nodes[node].content, Content::Element { .. }) {
            let mut depth = 1;
            let mut up = parent;
            while let Some(above) = self.nodes[up].parent {
                depth += 1;
                up = above;
                if depth > HTML_DEPTH_MAX * 4 {
                    break;
                }
            }
            self.deepest = self.deepest.max(depth);
        }
    }
}

#[derive(Debug)]
struct Name(QualName);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

struct Sink(RefCell<Dom>);

impl TreeSink for Sink {
    type Handle = usize;
    type Output = Dom;
    type ElemName<'a> = Name;

    fn finish(self) -> Dom {
        self.0.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> usize {
        0
    }

    fn elem_name(&self, target: &usize) -> Name {
        match &self.0.borrow().nodes[*target].content {
            Content::Element { name, .. } => Name(name.clone()),
            _ => Name(QualName::new(None, Namespace::default(), LocalName::default())),
        }
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> usize {
        self.0.borrow_mut().add(Content::Element { name, attributes })
    }

    fn create_comment(&self, _: StrTendril) -> usize {
        self.0.borrow_mut().add(Content::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> usize {
        self.0.borrow_mut().add(Content::Other)
    }

    fn append(&self, parent: &usize, child: NodeOrText<usize>) {
        self.0.borrow_mut().insert(*parent, usize::MAX, child);
    }

    fn append_based_on_parent_node(&self, node: &usize, before: &usize, child: NodeOrText<usize>) {
        if self.0.borrow().nodes[*node].parent.is_some() {
            self.append_before_sibling(node, child);
        } else {
            self.append(before, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// A template's inside is shown to nobody; its nodes hang below the template, which is skipped.
    fn get_template_contents(&self, target: &usize) -> usize {
        *target
    }

    fn same_node(&self, x: &usize, y: &usize) -> bool {
        x == y
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &usize, child: NodeOrText<usize>) {
        let mut dom = self.0.borrow_mut();
        if let NodeOrText::AppendNode(node) = &child {
            dom.detach(*node);
        }
        let Some(parent) = dom.nodes[*sibling].parent else { return };
        let at = dom.nodes[parent].children.iter().position(|c| c == sibling).unwrap_or(0);
        dom.insert(parent, at, child);
    }

    fn add_attrs_if_missing(&self, target: &usize, more: Vec<Attribute>) {
        if let Content::Element { attributes, .. } = &mut self.0.borrow_mut().nodes[*target].content
        {
            for one in more {
                if !attributes.iter().any(|attribute| attribute.name == one.name) {
                    attributes.push(one);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &usize) {
        self.0.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &usize, new_parent: &usize) {
        let mut dom = self.0.borrow_mut();
        let children = std::mem::take(&mut dom.nodes[*node].children);
        for child in &children {
            dom.nodes[*child].parent = Some(*new_parent);
        }
        dom.nodes[*new_parent].children.extend(children);
    }
}
