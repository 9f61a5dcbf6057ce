-- Version 1. A released version is never edited: the next change is 0002.sql.

-- Every question ever accepted. `seq` is the order of acceptance and the only order there is: a
-- box has no clock to trust, so `asked_unix_s` is for people to read and for nothing else.
CREATE TABLE questions (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    code         TEXT    NOT NULL UNIQUE,
    text         TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    channel      TEXT    NOT NULL,
    cache_key    TEXT    NOT NULL,
    state        TEXT    NOT NULL DEFAULT 'accepted'
                 CHECK (state IN ('accepted', 'writing', 'done', 'failed')),
    -- Starts of the box during which it was being written. Not lowered by a death, only by an
    -- orderly stop.
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    failure      TEXT CHECK ((failure IS NOT NULL) = (state = 'failed')),
    asked_unix_s INTEGER NOT NULL
) STRICT;

CREATE INDEX questions_open ON questions (seq) WHERE state IN ('accepted', 'writing');

-- One answer for each question that is done, never two.
CREATE TABLE answers (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    question_seq  INTEGER NOT NULL UNIQUE REFERENCES questions (seq) ON DELETE CASCADE,
    text          TEXT    NOT NULL,
    origin        TEXT    NOT NULL
                  CHECK (origin IN ('checked', 'cache', 'model', 'floor', 'none')),
    danger        INTEGER NOT NULL CHECK (danger IN (0, 1)),
    model         TEXT,
    notice        TEXT,
    milliseconds  INTEGER NOT NULL,
    -- What it was made with; see `answer::ports::Making`.
    made_by       TEXT    NOT NULL,
    made_from     TEXT    NOT NULL,
    made_how      INTEGER NOT NULL
) STRICT;

-- The passages an answer rests on, as they were, so that an old answer keeps its sources when its
-- knowledge pack changes or goes.
CREATE TABLE sources (
    answer_seq INTEGER NOT NULL REFERENCES answers (seq) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    entry_id   TEXT    NOT NULL,
    title      TEXT    NOT NULL,
    reviewed   INTEGER NOT NULL CHECK (reviewed IN (0, 1)),
    passage    TEXT    NOT NULL,
    PRIMARY KEY (answer_seq, position)
) STRICT, WITHOUT ROWID;

-- Which answer a question asked again gets. Served only while `made_*` of the answer holds.
CREATE TABLE cache (
    key        TEXT    NOT NULL,
    language   TEXT    NOT NULL,
    answer_seq INTEGER NOT NULL REFERENCES answers (seq) ON DELETE CASCADE,
    PRIMARY KEY (key, language)
) STRICT, WITHOUT ROWID;

CREATE INDEX cache_answer ON cache (answer_seq);

-- Knowledge packs loaded, each all or nothing.
CREATE TABLE packs (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL UNIQUE,
    revision TEXT NOT NULL,
    language TEXT NOT NULL,
    licence  TEXT NOT NULL,
    note     TEXT NOT NULL,
    blake3   TEXT NOT NULL
) STRICT;

CREATE TABLE passages (
    id           INTEGER PRIMARY KEY,
    pack_id      INTEGER NOT NULL REFERENCES packs (id),
    entry_id     TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    title        TEXT    NOT NULL,
    question     TEXT    NOT NULL,
    -- One a line.
    phrasings    TEXT    NOT NULL,
    answer       TEXT    NOT NULL,
    publisher    TEXT    NOT NULL,
    source_title TEXT    NOT NULL,
    source_year  INTEGER NOT NULL,
    reviewed_by  TEXT,
    reviewed_on  TEXT,
    UNIQUE (pack_id, entry_id)
) STRICT;

CREATE INDEX passages_language ON passages (language);

-- The questions and phrasings of passages, as cache keys.
CREATE TABLE wordings (
    key        TEXT    NOT NULL,
    language   TEXT    NOT NULL,
    passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
    PRIMARY KEY (key, language, passage_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX wordings_passage ON wordings (passage_id);

-- The words of passages; rowid is passages.id. English is stemmed, other languages are not until
-- each has its own stemmer.
CREATE VIRTUAL TABLE search_en USING fts5 (
    title, question, phrasings, answer,
    content = '', contentless_delete = 1,
    tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE VIRTUAL TABLE search_any USING fts5 (
    title, question, phrasings, answer,
    content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);

-- What one process leaves for another to read, by name.
CREATE TABLE box (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
