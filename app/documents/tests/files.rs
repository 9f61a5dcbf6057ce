//! Files that other programs made (`tests/fixtures/documents/make.py`), read and held against what was
//! written into them.

use std::path::{Path, PathBuf};

use documents::{Document, Entry, Item, Kind, Options, Piece, Reader, Skipped, cut, open};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/documents").join(name)
}

fn reader(name: &str) -> Box<dyn Reader> {
    open(&fixture(name), &Options { language: Some("en-GB".into()) }).unwrap()
}

fn all(reader: &mut dyn Reader) -> Vec<Result<Item, Skipped>> {
    std::iter::from_fn(|| reader.next()).collect()
}

fn documents(name: &str) -> Vec<Document> {
    let items = all(&mut *reader(name)).into_iter().flatten();
    items
        .map(|item| match item {
            Item::Document(document) => document,
            Item::Entry(entry) => panic!("{entry:?}"),
        })
        .collect()
}

fn entries(name: &str) -> Vec<Entry> {
    let items = all(&mut *reader(name)).into_iter().flatten();
    items
        .map(|item| match item {
            Item::Entry(entry) => entry,
            Item::Document(document) => panic!("{document:?}"),
        })
        .collect()
}

fn skipped(name: &str) -> Vec<String> {
    let items = all(&mut *reader(name)).into_iter();
    items.filter_map(Result::err).map(|skipped| skipped.to_string()).collect()
}

fn pieces(name: &str, id: &str) -> Vec<Piece> {
    cut(documents(name).iter().find(|document| document.id == id).unwrap())
}

fn place(piece: &Piece) -> (u32, &str, Option<&str>, Option<u32>, &str) {
    (piece.position, &piece.heading, piece.anchor.as_deref(), piece.page, &piece.text)
}

const ALL: &[&str] = &[
    "village.zim",
    "old.zim",
    "goats.epub",
    "soil.pdf",
    "open.pdf",
    "page.html",
    "old.html",
    "comma.csv",
    "semicolon.csv",
    "western.csv",
    "entries.jsonl",
    "markdown",
];

fn filter_page(pieces: &[Piece]) {
    assert_eq!(
        pieces.iter().map(place).collect::<Vec<_>>(),
        [
            (
                0,
                "",
                None,
                None,
                "A slow sand filter makes cloudy water clear. Living matter on top of \
                 the sand eats most of the germs."
            ),
            (
                1,
                "Building",
                Some("Building"),
                None,
                "You need:\n- a clean drum\n- washed sand, 60 cm\n- no salt in it\n- gravel"
            ),
            (
                2,
                "Building › Speed of flow",
                Some("Speed"),
                None,
                "Flow by size\nDrum: small; Litres per hour: 20; Germs left: 1 of 10²\n\
                 Drum: small; Litres per hour: 30; Germs left: 1 of 50"
            ),
            (
                3,
                "Care",
                Some("Care"),
                None,
                "Never let the sand dry out. H2O must stand 5 cm above it."
            ),
        ]
    );
}

#[test]
fn a_zim_of_today() {
    let reader = reader("village.zim");
    assert_eq!(reader.kind(), Kind::Zim);
    let collection = reader.collection();
    assert_eq!(collection.name, "village");
    assert_eq!(collection.title.as_deref(), Some("Village handbook"));
    assert_eq!(collection.publisher.as_deref(), Some("Well and Field Group"));
    assert_eq!(collection.licence.as_deref(), Some("CC0"));
    assert_eq!((collection.year, collection.language.as_deref()), (Some(2023), Some("en")));
    let documents = documents("village.zim");
    let mut ids: Vec<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["Goats", "Maji_safi", "Sand_filter", "notes.txt"]);
    filter_page(&pieces("village.zim", "Sand_filter"));
    let swahili = documents.iter().find(|document| document.id == "Maji_safi").unwrap();
    assert_eq!(swahili.language.as_deref(), Some("sw"));
    assert_eq!(
        swahili.sections[0].text,
        "Chemsha maji ya kunywa mpaka yatokote. Yaache yapoe kwenye chombo safi chenye kifuniko."
    );
    let goats = pieces("village.zim", "Goats");
    assert_eq!(
        place(&goats[1]),
        (
            1,
            "Feeding",
            Some("Feeding"),
            None,
            "Leaves and hay are the best feed. Grain in one go makes the belly swell."
        )
    );
    assert_eq!(skipped("village.zim"), ["All_pages: it is a list of links"]);
}

#[test]
fn a_zim_from_before_2021() {
    let reader = reader("old.zim");
    assert_eq!(reader.collection().title.as_deref(), Some("Old handbook"));
    let documents = documents("old.zim");
    let read: Vec<_> = documents
        .iter()
        .map(|d| (d.id.as_str(), d.title.as_str(), d.sections[0].text.as_str()))
        .collect();
    assert_eq!(
        read,
        [
            ("Cheese", "Cheese of goats", "Fresh cheese keeps for three days in the shade."),
            ("Well", "Well", "Cover the well so that nothing falls in."),
            ("Wood", "Wood", "Dry wood burns with less smoke."),
        ]
    );
}

#[test]
fn a_book_in_the_order_of_its_spine() {
    let reader = reader("goats.epub");
    assert_eq!(reader.kind(), Kind::Epub);
    let collection = reader.collection();
    assert_eq!(collection.title.as_deref(), Some("The goat book"));
    assert_eq!(collection.publisher.as_deref(), Some("Hill Press"));
    assert_eq!(collection.licence.as_deref(), Some("Public domain"));
    assert_eq!(collection.year, Some(2018));
    let documents = documents("goats.epub");
    let titles: Vec<_> = documents.iter().map(|d| (d.id.as_str(), d.title.as_str())).collect();
    assert_eq!(
        titles,
        [("EPUB/text/pen.xhtml", "The pen"), ("EPUB/text/milk.xhtml", "Milk & more")]
    );
    assert_eq!(
        documents[0].sections[0].text,
        "A raised floor keeps feet dry.\nDoe: 1.5 m²\nKid: 0.5 m²"
    );
    let milk = cut(&documents[1]);
    assert_eq!(
        place(&milk[1]),
        (
            1,
            "Keeping it",
            Some("keep"),
            None,
            "Milk keeps longest in a clay pot that stands in water."
        )
    );
}

#[test]
fn a_pdf_page_by_page() {
    let reader = reader("soil.pdf");
    assert_eq!(reader.kind(), Kind::Pdf);
    let collection = reader.collection();
    assert_eq!(collection.title.as_deref(), Some("Soil handbook"));
    assert_eq!(collection.publisher.as_deref(), Some("Well and Field Group"));
    let pieces = cut(&documents("soil.pdf")[0]);
    assert_eq!(
        pieces.iter().map(place).collect::<Vec<_>>(),
        [
            (
                0,
                "Good soil › Worms",
                None,
                Some(1),
                "Worms make soil loose. Count them in one spade of earth: ten or more is a good sign, \
                 fewer than three means that the ground is hungry. They come back when leaves are left \
                 on the ground after the harvest.\n\nCover the ground between the rows."
            ),
            (
                1,
                "Good soil › Compost en français",
                None,
                Some(2),
                "Le compost nourrit la terre. Mélangez des feuilles sèches, de l'herbe fraîche et un \
                 peu de fumier. Arrosez le tas quand il est sec, et retournez-le chaque semaine.\n\n\
                 Use 10³ litres for the field."
            ),
        ]
    );
}

#[test]
fn locked_and_pictured_pdfs_say_so() {
    let message = |name| open(&fixture(name), &Options::default()).err().unwrap().to_string();
    assert!(message("picture.pdf").contains("has no text layer: "), "{}", message("picture.pdf"));
    assert!(message("locked.pdf").contains("is locked: it opens with a password only"));
    // A password for changes only does not keep anybody from reading.
    assert_eq!(documents("open.pdf")[0].sections[0].text, "Keep seed dry and dark.");
}

#[test]
fn web_pages_in_two_encodings() {
    filter_page(&pieces("page.html", "page.html"));
    let old = &documents("old.html")[0];
    assert_eq!(
        (old.title.as_str(), old.sections[0].text.as_str()),
        ("Fumée", "La fumée sèche le maïs.")
    );
}

#[test]
fn a_folder_of_markdown() {
    let documents = documents("markdown");
    let ids: Vec<_> = documents.iter().map(|d| (d.id.as_str(), d.title.as_str())).collect();
    assert_eq!(ids, [("fr/compost.md", "Compost"), ("goats.txt", "goats"), ("wells.md", "Wells")]);
    assert_eq!(documents[1].sections[0].text, "Goats climb. They like leaves.\n\n- hay\n- water");
    assert_eq!(documents[2].language.as_deref(), Some("en"));
    assert_eq!(documents[2].sections[1].headings, ["Lining"]);
    assert_eq!(
        documents[2].sections[1].text,
        "Line the shaft with:\n1. bricks\n2. stones\nDepth: 5 m; Men: 2\nDepth: 9 m; Men: 4"
    );
}

#[test]
fn tables_of_each_kind_say_the_same() {
    let comma = entries("comma.csv");
    assert_eq!(comma.len(), 3);
    let first = &comma[0];
    assert_eq!((first.id.as_str(), first.title.as_deref()), ("filter", Some("Filter")));
    assert_eq!(first.question, "How do I clean a water filter?");
    assert_eq!(first.phrasings, ["filter is slow", "wash the filter"]);
    assert_eq!(first.answer, "Scrape off the top of the sand.\nWash it, and put it back.");
    assert_eq!(first.sms.as_deref(), Some("Scrape and wash top sand"));
    assert_eq!(first.source.as_ref().unwrap().year, Some(2019));
    assert_eq!(comma[1].answer, "Couvrez le seau, et puisez avec une tasse à manche.");
    assert_eq!(comma[1].id, "row-2");
    assert_eq!(comma[2].language.as_deref(), Some("sw"));
    assert_eq!(entries("semicolon.csv"), comma);
    assert_eq!(entries("western.csv"), comma);
    assert!(
        reader("comma.csv").notices().is_empty() && reader("semicolon.csv").notices().is_empty()
    );
    assert!(reader("western.csv").notices()[0].contains("Windows-1252"));
    assert_eq!(skipped("comma.csv"), ["line 5: its answer is empty"]);
    let json = entries("entries.jsonl");
    assert_eq!(json.len(), 3);
    assert_eq!(json[0].answer, first.answer);
    assert_eq!(json[0].source.as_ref().unwrap().publisher.as_deref(), Some("Well and Field Group"));
    assert_eq!(
        json[1..].iter().map(|e| &e.answer).collect::<Vec<_>>(),
        comma[1..].iter().map(|e| &e.answer).collect::<Vec<_>>()
    );
    assert_eq!(skipped("entries.jsonl").len(), 2);
    assert!(skipped("entries.jsonl")[1].starts_with("line 5: is no JSON object"));
}

#[test]
fn going_on_after_a_crash_gives_what_one_run_gives() {
    for name in ALL {
        let whole = all(&mut *reader(name));
        let total = reader(name).total().unwrap();
        for stop in 0..=whole.len() {
            let mut first = reader(name);
            let mut items: Vec<_> = (0..stop).map_while(|_| first.next()).collect();
            let position = first.position();
            assert!(position <= total);
            drop(first);
            let mut second = reader(name);
            second.seek(position).unwrap();
            items.extend(all(&mut *second));
            assert_eq!(items, whole, "{name} at {stop}");
        }
        assert!(reader(name).seek(total + 1).is_err());
        assert!(!whole.is_empty(), "{name}");
    }
}
