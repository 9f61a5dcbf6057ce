//! What comes out of a file: plain data.

/// One thing that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A question with its answer, from a table.
    Entry(Entry),
    /// A text.
    Document(Document),
}

/// A question with its answer. All texts are clean ([`Section::text`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Given by the file, or `row-N` counted from 1 at the first record. Safe as part of a path.
    pub id: String,
    /// BCP 47 primary subtag in lower case, such as `en`; from the record or the caller's default.
    pub language: Option<String>,
    /// What it is about.
    pub title: Option<String>,
    /// The question, never empty.
    pub question: String,
    /// Other ways to ask it.
    pub phrasings: Vec<String>,
    /// The answer, never empty; paragraphs are separated by an empty line.
    pub answer: String,
    /// A short form for text messages.
    pub sms: Option<String>,
    /// Who says so.
    pub source: Option<Source>,
}

/// Where an answer is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Who published it.
    pub publisher: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// When, as a year from 1000 to 2999.
    pub year: Option<u16>,
}

/// A text with its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Stable name inside the file: the path inside an archive or folder, or the file's name. It has
    /// no control characters, no `..`, no backslash and no leading slash.
    pub id: String,
    /// Never empty.
    pub title: String,
    /// BCP 47 primary subtag in lower case, such as `sw`.
    pub language: Option<String>,
    /// In reading order; none is empty.
    pub sections: Vec<Section>,
}

/// Text between two headings, or of one page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Headings above it, outermost first, without the document's title.
    pub headings: Vec<String>,
    /// The fragment that opens it (`page#anchor`), if the page has one.
    pub anchor: Option<String>,
    /// Page number from 1, for PDF.
    pub page: Option<u32>,
    /// Clean text: NFC, no control characters but `\n`, no run of spaces. An empty line separates
    /// paragraphs; a list stands below its introduction, each item on a line that begins with `- ` or
    /// a number; a table's row is one line of `header: value`.
    pub text: String,
}

/// What a file says of itself as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// The file's name without folder and extension.
    pub name: String,
    /// Its title.
    pub title: Option<String>,
    /// Who published or wrote it.
    pub publisher: Option<String>,
    /// When, as a year from 1000 to 2999.
    pub year: Option<u16>,
    /// The licence or notice of rights, as it stands there.
    pub licence: Option<String>,
    /// BCP 47 primary subtag in lower case; of several, the first.
    pub language: Option<String>,
}
