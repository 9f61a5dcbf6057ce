//! Web pages to text. What a reader of the page sees as its text is kept; what helps to move around
//! in it, or to change it, is not.

use crate::dom::{Content, Dom};
use crate::item::{Collection, Document};
use crate::limits::{INDEX_CHARS_MIN, INDEX_LINKS_PERCENT, TABLE_COLUMNS_MAX};
use crate::outline::Outline;
use crate::text;

/// Elements without text for a reader (HTML Living Standard, 4.2, 4.3.4, 4.8, 4.10, 4.12).
const DROPPED: &[&str] = &[
    "script", "style", "noscript", "template", "head", "nav", "svg", "iframe", "object", "embed",
    "button", "select", "input", "textarea", "audio", "video", "canvas", "map", "datalist",
    "dialog",
];

/// Classes and ids of what MediaWiki and its kin put around a text: edit links, tables of contents,
/// reference marks and lists, boxes of links.
const BOILERPLATE: &[&str] = &[
    "mw-editsection",
    "mw-references-wrap",
    "reference",
    "references",
    "reflist",
    "refbegin",
    "navbox",
    "navbox-styles",
    "vertical-navbox",
    "toc",
    "noprint",
    "mw-jump-link",
    "catlinks",
    "printfooter",
    "mw-cite-backlink",
    "sistersitebox",
    "sidebar",
    "nomobile",
    "siteSub",
    "contentSub",
    "jump-to-nav",
    "mw-navigation",
    "breadcrumb",
    "breadcrumbs",
    "skip-link",
    "visually-hidden",
    "mw-empty-elt",
    "Z3988",
    "footnotes",
];

/// Elements that end the paragraph before them and stand for themselves.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "aside",
    "blockquote",
    "figure",
    "figcaption",
    "address",
    "details",
    "summary",
    "form",
    "fieldset",
    "center",
    "body",
    "html",
    "hr",
    "caption",
    "dl",
    "ul",
    "ol",
    "menu",
    "table",
    "tbody",
    "thead",
    "tfoot",
    "tr",
    "td",
    "th",
    "hgroup",
];

/// What a page gave.
pub(crate) struct Page {
    pub(crate) document: Document,
    pub(crate) collection: Collection,
    /// Mostly links to other pages.
    pub(crate) index: bool,
}

/// Reads a page; `id` names it, `language` is taken if it names none itself.
///
/// # Errors
///
/// Why it cannot be read.
pub(crate) fn read(html: &str, id: &str, language: Option<&str>) -> Result<Page, String> {
    let dom = Dom::parse(html)?;
    let collection = metadata(&dom);
    let heading = dom.find("h1").and_then(|node| text::name(&dom.text(node)));
    let title = collection.title.clone().or_else(|| heading.clone());
    let mut walk = Walk {
        dom: &dom,
        outline: Outline::new(heading.as_deref().or(title.as_deref())),
        words: String::new(),
        bullet: None,
        glue: false,
        letters: 0,
        links: 0,
        linked: 0,
        anchor: None,
    };
    walk.node(0);
    walk.flush();
    let index = walk.letters >= INDEX_CHARS_MIN
        && walk.links * 100 / walk.letters.max(1) >= INDEX_LINKS_PERCENT;
    let sections = walk.outline.finish();
    let document = Document {
        id: text::id(id),
        title: title.unwrap_or_else(|| text::id(id)),
        language: collection.language.clone().or_else(|| language.map(str::to_owned)),
        sections,
    };
    Ok(Page { document, collection, index })
}

/// The encoding that a page declares in its first kilobyte (HTML Living Standard, 13.2.3.2).
pub(crate) fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let head: String =
        bytes.iter().take(1024).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let after = head.split_once("charset=").or_else(|| head.split_once("encoding="))?.1;
    let label: String = after
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    (!label.is_empty()).then_some(label)
}

fn metadata(dom: &Dom) -> Collection {
    let title = dom.find("title").and_then(|node| text::name(&dom.text(node)));
    let mut found = Collection { title, ..Collection::default() };
    let root = dom.find("html");
    found.language = root.and_then(|node| {
        text::language(dom.attribute(node, "lang"))
            .or_else(|| text::language(dom.attribute(node, "xml:lang")))
    });
    let Some(head) = dom.find("head") else { return found };
    for node in dom.children(head) {
        let value = dom.attribute(*node, "content");
        if dom.name(*node) == "meta" && !value.is_empty() {
            match dom.attribute(*node, "name").to_ascii_lowercase().as_str() {
                "author" | "publisher" | "dc.publisher" | "dc.creator" => {
                    found.publisher = found.publisher.or_else(|| text::name(value));
                }
                "date" | "dc.date" | "dcterms.date" => found.year = text::year(value),
                "dc.rights" | "license" | "dcterms.license" => found.licence = text::name(value),
                "dc.language" | "language" => {
                    found.language = found.language.or_else(|| text::language(value));
                }
                _ => {}
            }
        }
        let rel = dom.attribute(*node, "rel");
        if dom.name(*node) == "link" && rel.eq_ignore_ascii_case("license") {
            found.licence = found.licence.or_else(|| text::name(dom.attribute(*node, "href")));
        }
    }
    found
}

struct Walk<'a> {
    dom: &'a Dom,
    outline: Outline,
    /// The paragraph that is being read.
    words: String,
    /// What stands before it if it is an item of a list.
    bullet: Option<String>,
    /// The next paragraph belongs to the one above it.
    glue: bool,
    letters: usize,
    links: usize,
    linked: usize,
    /// The id of the nearest section around.
    anchor: Option<String>,
}

impl Walk<'_> {
    fn node(&mut self, node: usize) {
        match self.dom.content(node) {
            Content::Text(words) => self.write(words),
            Content::Element { .. } => self.element(node),
            Content::Other => self.inside(node),
        }
    }

    fn inside(&mut self, node: usize) {
        for child in self.dom.children(node) {
            self.node(*child);
        }
    }

    fn write(&mut self, words: &str) {
        let letters = words.chars().filter(|c| c.is_alphanumeric()).count();
        self.letters += letters;
        if self.linked > 0 {
            self.links += letters;
        }
        // A line end of the file is a space to a reader.
        self.words.extend(words.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
    }

    /// Ends the paragraph.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        if words.trim().is_empty() {
            return;
        }
        match self.bullet.take() {
            Some(bullet) => self.outline.line(&format!("{bullet}{}", words.trim())),
            None if self.glue => self.outline.line(&words),
            None => self.outline.paragraph(&words),
        }
    }

    fn element(&mut self, node: usize) {
        let name = self.dom.name(node);
        if dropped(self.dom, node) {
            return;
        }
        match name {
            "br" => self.words.push('\n'),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.heading(node, name.as_bytes()[1] - b'0')
            }
            "ul" | "ol" | "menu" | "dl" => self.list(node),
            "table" => self.table(node),
            "pre" => {
                self.flush();
                let words = self.dom.text(node);
                self.letters += words.chars().filter(|c| c.is_alphanumeric()).count();
                self.outline.paragraph(&words);
            }
            "sup" => self.superscript(node),
            "math" => match self.dom.attribute(node, "alttext") {
                "" => self.inside(node),
                words => self.write(words),
            },
            "a" => {
                self.linked += 1;
                self.inside(node);
                self.linked -= 1;
            }
            "section" | "article" => {
                self.flush();
                let before = self.anchor.clone();
                self.anchor = anchor(self.dom.attribute(node, "id")).or(before.clone());
                self.inside(node);
                self.flush();
                self.anchor = before;
            }
            _ if BLOCKS.contains(&name) => {
                self.flush();
                self.inside(node);
                self.flush();
            }
            _ => self.inside(node),
        }
    }

    /// "10<sup>3</sup>" must not become 103.
    fn superscript(&mut self, node: usize) {
        let before = self.words.len();
        self.inside(node);
        let words = self.words.split_off(before);
        let trimmed = words.trim();
        if !trimmed.contains(|c: char| c.is_ascii_digit()) {
            self.words.push_str(&words);
            return;
        }
        let raised: Option<String> = trimmed.chars().map(text::raise).collect();
        match raised {
            Some(raised) => self.words.push_str(&raised),
            None => {
                self.words.push('^');
                self.words.push_str(trimmed);
            }
        }
    }

    fn heading(&mut self, node: usize, level: u8) {
        self.flush();
        self.inside(node);
        let words = std::mem::take(&mut self.words).replace('\n', " ");
        let own = anchor(self.dom.attribute(node, "id"));
        let inner =
            || self.dom.children(node).iter().find_map(|c| anchor(self.dom.attribute(*c, "id")));
        let place = own.or_else(inner).or_else(|| self.anchor.clone());
        self.outline.heading(level, &words, place);
    }

    fn list(&mut self, node: usize) {
        self.flush();
        let before = std::mem::replace(&mut self.glue, true);
        let mut number: u32 = self.dom.attribute(node, "start").parse().unwrap_or(1).min(1_000_000);
        let ordered = self.dom.name(node) == "ol";
        for child in self.dom.children(node) {
            match self.dom.name(*child) {
                "li" | "dd" if ordered => {
                    self.item(*child, format!("{number}. "));
                    number += 1;
                }
                "li" | "dd" => self.item(*child, "- ".into()),
                "dt" => self.item(*child, String::new()),
                _ => self.node(*child),
            }
        }
        self.flush();
        self.glue = before;
    }

    fn item(&mut self, node: usize, bullet: String) {
        self.flush();
        if dropped(self.dom, node) {
            return;
        }
        self.bullet = Some(bullet);
        self.inside(node);
        self.flush();
        self.bullet = None;
    }

    /// A table of data becomes one line a row; a table that only lays out the page is read as blocks.
    fn table(&mut self, node: usize) {
        self.flush();
        let mut rows = Vec::new();
        let mut caption = None;
        if self.dom.attribute(node, "role") == "presentation"
            || !self.rows(node, &mut rows, &mut caption)
        {
            self.inside(node);
            self.flush();
            return;
        }
        if let Some(caption) = caption {
            self.inside(caption);
            self.flush();
        }
        let before = std::mem::replace(&mut self.glue, true);
        let grid = self.grid(&rows);
        for row in table_lines(&grid) {
            self.letters += row.chars().filter(|c| c.is_alphanumeric()).count();
            self.outline.line(&row);
        }
        self.glue = before;
        self.words.clear();
    }

    /// Collects the rows; false if the table holds blocks that are no cell of data.
    fn rows(&self, node: usize, rows: &mut Vec<usize>, caption: &mut Option<usize>) -> bool {
        for child in self.dom.children(node) {
            match self.dom.name(*child) {
                "tr" => rows.push(*child),
                "caption" => *caption = Some(*child),
                "thead" | "tbody" | "tfoot" if !self.rows(*child, rows, caption) => return false,
                _ => {}
            }
        }
        let layout = ["table", "h1", "h2", "h3", "h4", "h5", "h6", "article"];
        rows.iter().all(|row| !self.holds(*row, &layout))
    }

    fn holds(&self, node: usize, names: &[&str]) -> bool {
        let mut waiting: Vec<usize> = self.dom.children(node).to_vec();
        while let Some(node) = waiting.pop() {
            if names.contains(&self.dom.name(node)) {
                return true;
            }
            waiting.extend(self.dom.children(node));
        }
        false
    }

    /// The cells with their spans filled in (HTML Living Standard, 4.9.12).
    fn grid(&mut self, rows: &[usize]) -> Vec<Vec<Cell>> {
        let mut grid = Vec::new();
        let mut hanging: Vec<(usize, Cell)> = Vec::new();
        for row in rows {
            if dropped(self.dom, *row) {
                continue;
            }
            let mut line: Vec<Cell> = Vec::new();
            for node in self.dom.children(*row) {
                let header = self.dom.name(*node) == "th";
                if !header && self.dom.name(*node) != "td" || dropped(self.dom, *node) {
                    continue;
                }
                fill(&mut line, &mut hanging);
                let cell = Cell { header, words: self.cell(*node) };
                let span = |name| self.dom.attribute(*node, name).parse().unwrap_or(1);
                let (wide, high): (usize, usize) = (span("colspan"), span("rowspan"));
                for _ in 0..wide.clamp(1, TABLE_COLUMNS_MAX) {
                    if line.len() < TABLE_COLUMNS_MAX {
                        let column = line.len();
                        hanging.resize_with(hanging.len().max(column + 1), Default::default);
                        hanging[column] = (high.clamp(1, TABLE_COLUMNS_MAX) - 1, cell.clone());
                        line.push(cell.clone());
                    } else if let Some(last) = line.last_mut() {
                        last.words = format!("{}; {}", last.words, cell.words);
                        break;
                    }
                }
            }
            fill(&mut line, &mut hanging);
            if line.iter().any(|cell| !cell.words.is_empty()) {
                grid.push(line);
            }
        }
        grid
    }

    /// A cell's text on one line; its paragraphs and items are separated by `, `.
    fn cell(&mut self, node: usize) -> String {
        let outline = std::mem::take(&mut self.outline);
        let words = std::mem::take(&mut self.words);
        let glue = std::mem::replace(&mut self.glue, false);
        self.inside(node);
        self.flush();
        self.glue = glue;
        self.words = words;
        let inner = std::mem::replace(&mut self.outline, outline).finish();
        let parts: Vec<&str> =
            inner.iter().flat_map(|s| s.text.lines()).filter(|l| !l.is_empty()).collect();
        parts.iter().map(|part| part.trim_start_matches("- ")).collect::<Vec<_>>().join(", ")
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Cell {
    header: bool,
    words: String,
}

/// Cells that reach down from rows above.
fn fill(line: &mut Vec<Cell>, hanging: &mut [(usize, Cell)]) {
    while let Some((rows, cell)) = hanging.get_mut(line.len())
        && *rows > 0
    {
        *rows -= 1;
        line.push(cell.clone());
    }
}

/// Rows as lines: `header: value; header: value`.
fn table_lines(grid: &[Vec<Cell>]) -> Vec<String> {
    let head_rows = grid.iter().take_while(|row| row.iter().all(|cell| cell.header)).count();
    let head_rows = if head_rows == grid.len() { 0 } else { head_rows };
    let columns = grid.iter().map(Vec::len).max().unwrap_or(0);
    let headers: Vec<String> = (0..columns)
        .map(|column| {
            let mut parts: Vec<&str> = Vec::new();
            for row in &grid[..head_rows] {
                if let Some(cell) = row.get(column)
                    && !cell.words.is_empty()
                    && parts.last() != Some(&cell.words.as_str())
                {
                    parts.push(&cell.words);
                }
            }
            parts.join(", ")
        })
        .collect();
    grid[head_rows..].iter().map(|row| table_line(row, &headers, head_rows > 0)).collect()
}

fn table_line(row: &[Cell], headers: &[String], headed: bool) -> String {
    if !headed && row.len() >= 2 && (row[0].header || row.len() == 2) {
        let rest: Vec<&str> =
            row[1..].iter().map(|c| c.words.as_str()).filter(|w| !w.is_empty()).collect();
        return match (row[0].words.as_str(), rest.join("; ")) {
            (first, rest) if rest.is_empty() || rest == first => first.to_owned(),
            (first, rest) => format!("{first}: {rest}"),
        };
    }
    let mut parts: Vec<String> = Vec::new();
    for (column, cell) in row.iter().enumerate() {
        if cell.words.is_empty() {
            continue;
        }
        let part = match headers.get(column).map(String::as_str) {
            None | Some("") => cell.words.clone(),
            Some(header) => format!("{header}: {}", cell.words),
        };
        // One cell over several columns without headers of their own is said once.
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts.join("; ")
}

fn anchor(id: &str) -> Option<String> {
    text::name(id).filter(|clean| clean == id)
}

fn dropped(dom: &Dom, node: usize) -> bool {
    let name = dom.name(node);
    if DROPPED.contains(&name) {
        return true;
    }
    if name == "body" || name == "html" || name.is_empty() {
        return false;
    }
    let listed = |words: &str| words.split_ascii_whitespace().any(|w| BOILERPLATE.contains(&w));
    let style: String =
        dom.attribute(node, "style").chars().filter(|c| !c.is_whitespace()).collect();
    listed(dom.attribute(node, "class"))
        || listed(dom.attribute(node, "id"))
        || matches!(dom.attribute(node, "role"), "navigation" | "search" | "doc-toc")
        || matches!(dom.attribute(node, "epub:type"), "toc" | "pagebreak" | "landmarks")
        || style.to_ascii_lowercase().contains("display:none")
        || has_hidden(dom, node)
}

fn has_hidden(dom: &Dom, node: usize) -> bool {
    match dom.content(node) {
        Content::Element { attributes, .. } => {
            attributes.iter().any(|attribute| &*attribute.name.local == "hidden")
        }
        _ => false,
    }
}
