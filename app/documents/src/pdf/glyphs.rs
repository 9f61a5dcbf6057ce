//! Runs the drawing steps of a page and notes which text is shown where (ISO 32000-1, 8.4 and 9.4).

use std::rc::Rc;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document as Pdf, Object, ObjectId, Stream};

use super::fonts::{Cache, Font};
use crate::limits::{
    PDF_FORM_DEPTH_MAX, PDF_PAGE_GLYPHS_MAX, PDF_PAGE_STEPS_MAX, PDF_STREAM_BYTES_MAX,
};

/// Text in one font at one place, in points, after the page was turned as a reader sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) text: String,
    /// Where it begins and ends along the line.
    pub(crate) from: f32,
    pub(crate) to: f32,
    /// Height of its base line; up is more.
    pub(crate) base: f32,
    /// Height of the font.
    pub(crate) size: f32,
    /// Quarter turns against the page, counter-clockwise.
    pub(crate) turn: u8,
}

/// A page's text in the order of drawing.
pub(crate) struct Drawn {
    pub(crate) runs: Vec<Run>,
    /// Lowest and highest point of the page.
    pub(crate) bottom: f32,
    pub(crate) top: f32,
    /// What could not be read of it.
    pub(crate) trouble: Option<String>,
}

/// How deep resources and boxes are looked for above a page.
const PARENTS_MAX: usize = 64;
/// Graphics states that may be kept.
const STATES_MAX: usize = 256;

type Matrix = [f32; 6];
const UNIT: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First `a`, then `b`.
fn then(a: &Matrix, b: &Matrix) -> Matrix {
    [
        a[0] * b[0] + a[1] * b[2],
        a[0] * b[1] + a[1] * b[3],
        a[2] * b[0] + a[3] * b[2],
        a[2] * b[1] + a[3] * b[3],
        a[4] * b[0] + a[5] * b[2] + b[4],
        a[4] * b[1] + a[5] * b[3] + b[5],
    ]
}

#[derive(Clone)]
struct State<'a> {
    matrix: Matrix,
    font: Option<Rc<Font<'a>>>,
    size: f32,
    letter_gap: f32,
    word_gap: f32,
    stretch: f32,
    leading: f32,
    rise: f32,
}

struct Painter<'a, 'c> {
    pdf: &'a Pdf,
    cache: &'c mut Cache<'a>,
    state: State<'a>,
    kept: Vec<State<'a>>,
    text: Matrix,
    line: Matrix,
    runs: Vec<Run>,
    letters: usize,
    steps: usize,
}

/// Reads a page's text.
pub(crate) fn page<'a>(pdf: &'a Pdf, page: ObjectId, cache: &mut Cache<'a>) -> Drawn {
    let dictionary = pdf.get_dictionary(page).ok();
    let turn = dictionary.and_then(|d| inherited(pdf, d, b"Rotate"));
    let turn = turn.and_then(|turn| turn.as_i64().ok()).unwrap_or(0).rem_euclid(360);
    let edges =
        dictionary.and_then(|d| inherited(pdf, d, b"MediaBox")).and_then(|b| numbers(pdf, b));
    let (x0, y0, x1, y1) = edges.map_or((0.0, 0.0, 595.0, 842.0), |e| (e[0], e[1], e[2], e[3]));
    let matrix = match turn {
        90 => [0.0, -1.0, 1.0, 0.0, 0.0, 0.0],
        180 => [-1.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        270 => [0.0, 1.0, -1.0, 0.0, 0.0, 0.0],
        _ => UNIT,
    };
    let ends = [[x0, y0], [x1, y1]].map(|[x, y]| x * matrix[1] + y * matrix[3]);
    let mut painter = Painter {
        pdf,
        cache,
        state: State {
            matrix,
            font: None,
            size: 0.0,
            letter_gap: 0.0,
            word_gap: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        },
        kept: Vec::new(),
        text: UNIT,
        line: UNIT,
        runs: Vec::new(),
        letters: 0,
        steps: 0,
    };
    let resources = dictionary
        .and_then(|d| inherited(pdf, d, b"Resources"))
        .and_then(|resources| resources.as_dict().ok());
    let trouble = match pdf.get_page_content_with_limit(page, PDF_STREAM_BYTES_MAX) {
        Ok(content) => painter.run(&content, resources, 0).err(),
        Err(error) => Some(format!("its drawing cannot be unpacked: {error}")),
    };
    Drawn { runs: painter.runs, bottom: ends[0].min(ends[1]), top: ends[0].max(ends[1]), trouble }
}

/// An attribute of a page or of what is above it (ISO 32000-1, 7.7.3.4).
fn inherited<'a>(pdf: &'a Pdf, page: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    let mut node = page;
    for _ in 0..PARENTS_MAX {
        if let Ok(value) = node.get_deref(key, pdf) {
            return Some(value);
        }
        node = node.get_deref(b"Parent", pdf).and_then(Object::as_dict).ok()?;
    }
    None
}

/// Numbers of an array of four or six.
fn numbers(pdf: &Pdf, array: &Object) -> Option<Matrix> {
    let mut found = [0.0; 6];
    for (place, object) in found.iter_mut().zip(array.as_array().ok()?) {
        *place = pdf.dereference(object).ok()?.1.as_float().ok().filter(|n| n.is_finite())?;
    }
    Some(found)
}

fn number(operands: &[Object], index: usize) -> f32 {
    operands.get(index).and_then(|o| o.as_float().ok()).filter(|n| n.is_finite()).unwrap_or(0.0)
}

impl<'a> Painter<'a, '_> {
    fn run(
        &mut self,
        content: &[u8],
        resources: Option<&'a Dictionary>,
        depth: usize,
    ) -> Result<(), String> {
        let floor = self.kept.len();
        for operation in Content::decode_iter(content) {
            let Ok(operation) = operation else {
                return Err("its drawing breaks off; what is before that was read".into());
            };
            self.steps += 1;
            if self.steps > PDF_PAGE_STEPS_MAX {
                return Err(format!("more than {PDF_PAGE_STEPS_MAX} drawing steps"));
            }
            if self.letters > PDF_PAGE_GLYPHS_MAX {
                return Err(format!("more than {PDF_PAGE_GLYPHS_MAX} letters"));
            }
            match operation.operator.as_str() {
                "q" if self.kept.len() < STATES_MAX => self.kept.push(self.state.clone()),
                "Q" if self.kept.len() > floor => {
                    if let Some(state) = self.kept.pop() {
                        self.state = state;
                    }
                }
                "Do" => self.draw(&operation, resources, depth)?,
                "Tf" => self.choose_font(&operation, resources),
                _ => self.step(&operation),
            }
        }
        self.kept.truncate(floor);
        Ok(())
    }

    fn step(&mut self, operation: &Operation) {
        let operands = operation.operands.as_slice();
        match operation.operator.as_str() {
            "cm" => self.state.matrix = then(&matrix(operands), &self.state.matrix),
            "BT" => (self.text, self.line) = (UNIT, UNIT),
            "Tc" => self.state.letter_gap = number(operands, 0),
            "Tw" => self.state.word_gap = number(operands, 0),
            "Tz" => self.state.stretch = number(operands, 0) / 100.0,
            "TL" => self.state.leading = number(operands, 0),
            "Ts" => self.state.rise = number(operands, 0),
            "Tm" => {
                self.line = matrix(operands);
                self.text = self.line;
            }
            "Td" => self.move_line(number(operands, 0), number(operands, 1)),
            "TD" => {
                self.state.leading = -number(operands, 1);
                self.move_line(number(operands, 0), number(operands, 1));
            }
            "T*" => self.move_line(0.0, -self.state.leading),
            "Tj" => self.show_operand(operands.first()),
            "'" => {
                self.move_line(0.0, -self.state.leading);
                self.show_operand(operands.first());
            }
            "\"" => {
                self.state.word_gap = number(operands, 0);
                self.state.letter_gap = number(operands, 1);
                self.move_line(0.0, -self.state.leading);
                self.show_operand(operands.get(2));
            }
            "TJ" => {
                let parts = operands.first().and_then(|o| o.as_array().ok());
                for part in parts.into_iter().flatten() {
                    match part.as_float() {
                        Ok(back) if back.is_finite() => {
                            self.advance(-back / 1000.0 * self.state.size * self.state.stretch);
                        }
                        _ => self.show_operand(Some(part)),
                    }
                }
            }
            _ => {}
        }
    }

    fn move_line(&mut self, x: f32, y: f32) {
        self.line = then(&[1.0, 0.0, 0.0, 1.0, x, y], &self.line);
        self.text = self.line;
    }

    fn advance(&mut self, x: f32) {
        self.text = then(&[1.0, 0.0, 0.0, 1.0, x, 0.0], &self.text);
    }

    fn choose_font(&mut self, operation: &Operation, resources: Option<&'a Dictionary>) {
        self.state.size = number(&operation.operands, 1);
        let name = operation.operands.first().and_then(|o| o.as_name().ok());
        let font = resources
            .and_then(|r| r.get_deref(b"Font", self.pdf).and_then(Object::as_dict).ok())
            .zip(name)
            .and_then(|(fonts, name)| fonts.get_deref(name, self.pdf).ok())
            .and_then(|font| font.as_dict().ok());
        self.state.font = font.map(|font| self.cache.font(self.pdf, font));
    }

    fn show_operand(&mut self, operand: Option<&Object>) {
        if let Some(bytes) = operand.and_then(|o| o.as_str().ok()) {
            self.show(bytes);
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        let Some(font) = self.state.font.clone() else { return };
        let text = self.cache.decode(&font, bytes);
        let (size, stretch) = (self.state.size, self.state.stretch);
        let mut across = 0.0;
        for code in font.codes(bytes) {
            self.letters += 1;
            let gap = if code == 32 && font.is_simple() { self.state.word_gap } else { 0.0 };
            across += (font.width(code) / 1000.0 * size + self.state.letter_gap + gap) * stretch;
        }
        let raised = [1.0, 0.0, 0.0, 1.0, 0.0, self.state.rise];
        let begin = then(&then(&raised, &self.text), &self.state.matrix);
        self.advance(across);
        let end = then(&then(&raised, &self.text), &self.state.matrix);
        let height = size.abs() * begin[2].hypot(begin[3]);
        if !begin.iter().chain(&end).all(|n| n.is_finite()) || height <= 0.0 || text.is_empty() {
            return;
        }
        // The direction of writing, as one of four; coordinates are turned so that it is level.
        let turn: u8 = match (begin[0], begin[1]) {
            (x, y) if x.abs() >= y.abs() => 2 * u8::from(x < 0.0),
            (_, y) => 1 + 2 * u8::from(y < 0.0),
        };
        let level = |x: f32, y: f32| match turn {
            0 => (x, y),
            1 => (y, -x),
            2 => (-x, -y),
            _ => (-y, x),
        };
        let (from, base) = level(begin[4], begin[5]);
        let (to, _) = level(end[4], end[5]);
        let run = Run { text, from, to, base, size: height, turn };
        // Letters drawn twice to look bold.
        let near = height * 0.1;
        let again = self.runs.last().is_some_and(|last| {
            last.text == run.text
                && last.turn == run.turn
                && (last.from - run.from).abs() < near
                && (last.base - run.base).abs() < near
        });
        if !again {
            self.runs.push(run);
        }
    }

    /// A form is a drawing inside the drawing (ISO 32000-1, 8.10).
    fn draw(
        &mut self,
        operation: &Operation,
        resources: Option<&'a Dictionary>,
        depth: usize,
    ) -> Result<(), String> {
        let Some(form) = self.form(operation, resources) else { return Ok(()) };
        if depth >= PDF_FORM_DEPTH_MAX {
            return Ok(());
        }
        let Ok(content) = form.get_plain_content_with_limit(PDF_STREAM_BYTES_MAX) else {
            return Err("a form of it cannot be unpacked".into());
        };
        // Unpacking is work too.
        self.steps += content.len() / 64;
        let before = (self.state.clone(), self.text, self.line);
        if let Some(own) =
            form.dict.get_deref(b"Matrix", self.pdf).ok().and_then(|m| numbers(self.pdf, m))
        {
            self.state.matrix = then(&own, &self.state.matrix);
        }
        let own = form.dict.get_deref(b"Resources", self.pdf).and_then(Object::as_dict).ok();
        let done = self.run(&content, own.or(resources), depth + 1);
        (self.state, self.text, self.line) = before;
        done
    }

    fn form(&self, operation: &Operation, resources: Option<&'a Dictionary>) -> Option<&'a Stream> {
        let name = operation.operands.first()?.as_name().ok()?;
        let objects = resources?.get_deref(b"XObject", self.pdf).ok()?.as_dict().ok()?;
        let form = objects.get_deref(name, self.pdf).ok()?.as_stream().ok()?;
        let kind = form.dict.get(b"Subtype").ok()?.as_name().ok()?;
        (kind == b"Form").then_some(form)
    }
}

fn matrix(operands: &[Object]) -> Matrix {
    std::array::from_fn(|index| number(operands, index))
}
