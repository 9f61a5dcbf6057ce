-- Version 2: the search index. Terms are made by `answer::terms`, the same for what is indexed and for
-- what is asked; the tables hold them as they are. `crate::index` fills them from `passages`.

-- A pack is searched only once it is whole.
ALTER TABLE packs ADD COLUMN state TEXT NOT NULL DEFAULT 'ready'
    CHECK (state IN ('building', 'ready'));

-- Passages cut from documents: without a question and phrasings of their own.
ALTER TABLE passages ADD COLUMN kind TEXT NOT NULL DEFAULT 'entry'
    CHECK (kind IN ('entry', 'document'));
-- Which document of its pack, and where in it: order, heading, link target, page counted from 1.
ALTER TABLE passages ADD COLUMN document_id INTEGER;
ALTER TABLE passages ADD COLUMN position INTEGER;
ALTER TABLE passages ADD COLUMN section TEXT;
ALTER TABLE passages ADD COLUMN anchor TEXT;
ALTER TABLE passages ADD COLUMN page INTEGER;

CREATE INDEX passages_pack ON passages (pack_id, kind, language);
DROP INDEX passages_language;

DROP TABLE search_en;
DROP TABLE search_any;

-- The terms of passages, "LANGUAGE:TERM", separated by spaces; rowid is passages.id. All characters beyond
-- ASCII are letters to this tokenizer, which is right for terms that were cut already.
CREATE VIRTUAL TABLE search_entries USING fts5 (
    title, question, phrasings, body,
    content = '', contentless_delete = 1,
    tokenize = "ascii tokenchars ':.'"
);
INSERT INTO search_entries (search_entries, rank) VALUES ('rank', 'bm25(4.0, 4.0, 3.0, 1.0)');
CREATE VIRTUAL TABLE search_documents USING fts5 (
    title, section, body,
    content = '', contentless_delete = 1,
    tokenize = "ascii tokenchars ':.'"
);
INSERT INTO search_documents (search_documents, rank) VALUES ('rank', 'bm25(3.0, 2.0, 1.0)');

-- How many passages of a pack have a term: what is rare, and what a misspelt word may stand for.
CREATE TABLE pack_terms (
    pack_id  INTEGER NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    language TEXT    NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind IN ('entry', 'document')),
    term     TEXT    NOT NULL,
    passages INTEGER NOT NULL CHECK (passages > 0),
    PRIMARY KEY (pack_id, language, kind, term)
) STRICT, WITHOUT ROWID;

-- The meaning of passages: int8 vectors of one encoder. `wording` 0 is the passage itself, 1 its
-- question, then its phrasings.
CREATE TABLE vectors (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    encoder    TEXT    NOT NULL,
    wording    INTEGER NOT NULL CHECK (wording >= 0),
    vector     BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX vectors_passage ON vectors (passage_id, encoder, wording);

-- One row. `generation` rises with every change of what is ready; `version` is that of the terms.
CREATE TABLE search_state (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL,
    version    INTEGER NOT NULL
) STRICT;
INSERT INTO search_state (id, generation, version) VALUES (1, 1, 0);
