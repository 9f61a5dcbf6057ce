//! Every limit of the crate, with its reason.

/// Longest passage, in characters: about 250 tokens, so that three fit beside a question in a small
/// model's context.
pub const PIECE_CHARS_MAX: usize = 900;

/// Shortest passage worth having where the text of a section is long enough: below it a passage
/// says too little to answer from.
pub const PIECE_CHARS_MIN: usize = 300;

/// Characters among which sentences are looked for at once; the search takes time with the square.
pub const STRETCH_CHARS_MAX: usize = 3_000;

/// Largest table, JSONL, Markdown, HTML or text file, and largest member of an archive. It is held
/// in memory; 32 MiB of text is 5,000 pages.
pub const TEXT_BYTES_MAX: u64 = 32 << 20;

/// Largest HTML text that is parsed: a tree takes some ten times its text. The longest Wikipedia
/// articles have 3 MiB.
pub const HTML_BYTES_MAX: usize = 8 << 20;

/// Deepest nesting of HTML elements. People write below 50; the parser's time grows with the square.
pub const HTML_DEPTH_MAX: usize = 400;

/// Most nodes of one HTML tree. Broken formatting makes parsers repeat elements without end.
pub const HTML_NODES_MAX: usize = 1_000_000;

/// HTML bytes between two looks at depth and node count.
pub const HTML_CHUNK_BYTES: usize = 1024;

/// Columns of an HTML table that are read, and rows that one cell may reach over; wider tables are
/// layout, not data.
pub const TABLE_COLUMNS_MAX: usize = 64;

/// Longest title, heading, anchor, name or language of anything, in characters.
pub const NAME_CHARS_MAX: usize = 300;

/// Longest id, in bytes: what SQLite indexes well and file systems allow as a name.
pub const ID_BYTES_MAX: usize = 240;

/// Headings above one section that are carried.
pub const HEADINGS_MAX: usize = 6;

/// Most phrasings of one entry.
pub const PHRASINGS_MAX: usize = 64;

/// Longest question, answer or SMS of an entry, in characters; more is an article.
pub const FIELD_CHARS_MAX: usize = 20_000;

/// Most records of one table or JSONL file; a person does not write more, and each costs an index.
pub const RECORDS_MAX: usize = 5_000_000;

/// Bytes that are looked at to tell the kind of a file and the delimiter of a table.
pub const SNIFF_BYTES: usize = 8 << 10;

/// Most files of a folder, and folders inside folders.
pub const FILES_MAX: usize = 100_000;
/// Deepest folder below the one given.
pub const FOLDER_DEPTH_MAX: usize = 32;

/// Most members of an EPUB and bytes of all that are read of it. A long book has 5 MiB of text.
pub const EPUB_MEMBERS_MAX: usize = 20_000;
/// Largest chapter, unpacked.
pub const EPUB_MEMBER_BYTES_MAX: u64 = 8 << 20;
/// How much larger than its packed form a chapter may be. Deflate reaches 1,032 with one byte
/// repeated; text stays below 20.
pub const EPUB_RATIO_MAX: u64 = 200;

/// Largest PDF. It is held in memory with its objects.
pub const PDF_BYTES_MAX: u64 = 128 << 20;
/// Most objects and pages of a PDF; the longest manuals have 5,000 pages.
pub const PDF_OBJECTS_MAX: usize = 1_000_000;
/// Most pages that are read.
pub const PDF_PAGES_MAX: usize = 20_000;
/// Largest unpacked stream of a PDF: page contents are drawings of kilobytes.
pub const PDF_STREAM_BYTES_MAX: usize = 32 << 20;
/// Most letters of one page; a dense page has 10,000.
pub const PDF_PAGE_GLYPHS_MAX: usize = 200_000;
/// Most letters of one PDF.
pub const PDF_GLYPHS_MAX: usize = 50_000_000;
/// Drawing steps of one page, so that forms that draw forms end.
pub const PDF_PAGE_STEPS_MAX: usize = 5_000_000;
/// How deep forms may draw forms.
pub const PDF_FORM_DEPTH_MAX: usize = 8;
/// Stack of the thread that reads a PDF, for the object parser's recursion (its own bound is on
/// nesting, not bytes).
pub const PDF_STACK_BYTES: usize = 16 << 20;
/// Shares of the pages that a line at the edge must be on to be a running header or footer.
pub const PDF_RUNNING_PAGES_MIN: usize = 2;

/// Most entries of a ZIM file's directory. English Wikipedia has 20 million with redirects.
pub const ZIM_ENTRIES_MAX: u32 = 40_000_000;
/// Most clusters of a ZIM file.
pub const ZIM_CLUSTERS_MAX: u32 = 8_000_000;
/// Most content types of a ZIM file's list, and bytes of that list.
pub const ZIM_MIMES_MAX: usize = 1_000;
/// Longest directory entry of a ZIM file: path and title.
pub const ZIM_DIRENT_BYTES_MAX: usize = 8 << 10;
/// Largest unpacked cluster of a ZIM file. Writers aim at 2 MiB.
pub const ZIM_CLUSTER_BYTES_MAX: u64 = 64 << 20;
/// Memory that a decompressor may take for its window. Writers use 8 MiB at most.
pub const ZIM_WINDOW_BYTES_MAX: u64 = 64 << 20;
/// Most blobs of one cluster.
pub const ZIM_BLOBS_MAX: u64 = 1 << 20;
/// Largest article.
pub const ZIM_ARTICLE_BYTES_MAX: u64 = 8 << 20;
/// Redirects that are followed to find the main page.
pub const ZIM_HOPS_MAX: usize = 8;
/// Largest metadata value.
pub const ZIM_METADATA_BYTES_MAX: u64 = 64 << 10;

/// Share of an archive page's letters that are links, in percent, from which on it is an index of
/// other pages and no text.
pub const INDEX_LINKS_PERCENT: usize = 75;
/// Letters below which a page's share of links says nothing.
pub const INDEX_CHARS_MIN: usize = 400;
