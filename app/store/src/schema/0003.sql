-- Version 3: danger floor, near matches, checked answers, review, retention.

-- `asker` is a one-way hash, kept only while the question waits. `general` is the question with names,
-- numbers and the like of persons masked: the only form that anybody but the asker ever sees.
-- `asked_running_s` is how long the box had run in all when it was asked: the only clock that no
-- wrong date can spoil.
ALTER TABLE questions ADD COLUMN asker TEXT;
ALTER TABLE questions ADD COLUMN general TEXT NOT NULL DEFAULT '';
ALTER TABLE questions ADD COLUMN asked_running_s INTEGER NOT NULL DEFAULT 0;
ALTER TABLE questions ADD COLUMN danger TEXT;
-- How many questions of the same person waited when this one came.
ALTER TABLE questions ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;

CREATE INDEX questions_key ON questions (cache_key, language);
CREATE INDEX questions_asker ON questions (asker) WHERE asker IS NOT NULL;

-- What the danger floor says to a question, kept when the question is.
CREATE TABLE floors (
    question_seq INTEGER PRIMARY KEY REFERENCES questions (seq) ON DELETE CASCADE,
    rule         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    sms          TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    reviewed     INTEGER NOT NULL CHECK (reviewed IN (0, 1))
) STRICT;

ALTER TABLE answers ADD COLUMN weak INTEGER NOT NULL DEFAULT 0;
-- Nearest topics, as a JSON list of [title, question].
ALTER TABLE answers ADD COLUMN topics TEXT NOT NULL DEFAULT '[]';
ALTER TABLE answers ADD COLUMN check_role TEXT;
ALTER TABLE answers ADD COLUMN check_on TEXT;
-- What the asker says: 1 helpful, 0 not.
ALTER TABLE answers ADD COLUMN helpful INTEGER CHECK (helpful IN (0, 1));

-- The passage's place and pack (`name@hash`) at the time.
ALTER TABLE sources ADD COLUMN place INTEGER;
ALTER TABLE sources ADD COLUMN pack TEXT NOT NULL DEFAULT '';

CREATE INDEX sources_pack ON sources (pack);

-- The words of cached questions, for near matches; rowid is cache.answer_seq.
CREATE VIRTUAL TABLE near USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER cache_gone AFTER DELETE ON cache BEGIN
    DELETE FROM near WHERE rowid = old.answer_seq;
END;

-- People who may review. `pin` is an Argon2 hash in PHC form. Rows stay, since the log names them.
CREATE TABLE reviewers (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    role    TEXT    NOT NULL,
    pin     TEXT    NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1))
) STRICT;

-- The last decision on each question (`key` is its cache key) and each entry (`key` is
-- `pack/entry`). It holds for the text with the hash `version`, and only for that.
CREATE TABLE reviews (
    id              INTEGER PRIMARY KEY,
    kind            TEXT    NOT NULL CHECK (kind IN ('question', 'entry')),
    key             TEXT    NOT NULL,
    language        TEXT    NOT NULL,
    question        TEXT    NOT NULL,
    text            TEXT    NOT NULL,
    sms             TEXT,
    -- JSON list of the sources it was approved with: [{id, title, passage, pack}].
    sources         TEXT    NOT NULL DEFAULT '[]',
    state           TEXT    NOT NULL CHECK (state IN ('half', 'approved', 'withdrawn')),
    role            TEXT    NOT NULL,
    reviewer        INTEGER NOT NULL,
    second_role     TEXT,
    second_reviewer INTEGER,
    decided_on      TEXT,
    reason          TEXT    NOT NULL DEFAULT '',
    version         TEXT    NOT NULL,
    -- The key that signed the file it came with; NULL if it was decided on this box.
    from_key        TEXT,
    -- Line of the audit log; the order of decisions.
    audit_seq       INTEGER NOT NULL,
    UNIQUE (kind, key, language)
) STRICT;

CREATE INDEX reviews_state ON reviews (state, audit_seq);

-- The words of checked questions, for near matches; rowid is reviews.id.
CREATE VIRTUAL TABLE near_checked USING fts5 (
    words, content = '', contentless_delete = 1, tokenize = 'porter unicode61 remove_diacritics 2'
);

-- Everything that a person decided or changed. Only ever grows; each line carries the hash of the one
-- before it, so that a line changed or cut out shows.
CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    day    TEXT,
    who    TEXT NOT NULL,
    action TEXT NOT NULL,
    what   TEXT NOT NULL,
    hash   TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE (ABORT, 'the audit log only grows'); END;
CREATE TRIGGER audit_keeps BEFORE DELETE ON audit BEGIN SELECT RAISE (ABORT, 'the audit log only grows'); END;

-- Keys whose signatures this box believes, as minisign writes public keys.
CREATE TABLE trusted_keys (
    key  TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages owed to people who asked by SMS, for example that an answer was withdrawn. Written with what
-- causes them, in one commit; the channel takes them from here.
CREATE TABLE notices (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    question_seq INTEGER NOT NULL REFERENCES questions (seq) ON DELETE CASCADE,
    kind         TEXT    NOT NULL CHECK (kind IN ('withdrawn', 'corrected', 'answered')),
    text         TEXT    NOT NULL,
    sent         INTEGER NOT NULL DEFAULT 0 CHECK (sent IN (0, 1))
) STRICT;

CREATE INDEX notices_due ON notices (id) WHERE sent = 0;

-- Imports on their way: where the file is, and how far it was read. Goes with its pack, or with the
-- import's end.
CREATE TABLE imports (
    pack_id  INTEGER PRIMARY KEY REFERENCES packs (id) ON DELETE CASCADE,
    file     TEXT    NOT NULL,
    position INTEGER NOT NULL,
    total    INTEGER NOT NULL
) STRICT;

CREATE INDEX passages_document ON passages (pack_id, document_id, position);

ALTER TABLE packs ADD COLUMN signed_by TEXT;
-- Withdrawn by a reviewer: never found.
ALTER TABLE passages ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE passages ADD COLUMN sms TEXT;

-- The review list, kept ready so that its first page costs the same with fifty questions and fifty thousand.
-- One row a question as people ask it again (key and language); triggers keep it.
CREATE TABLE asked (
    key         TEXT    NOT NULL,
    language    TEXT    NOT NULL,
    first_seq   INTEGER NOT NULL,
    times       INTEGER NOT NULL,
    danger      INTEGER NOT NULL CHECK (danger IN (0, 1)),
    not_helpful INTEGER NOT NULL DEFAULT 0,
    -- Of the latest answer.
    weak        INTEGER NOT NULL DEFAULT 0,
    unanswered  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, language)
) STRICT;

CREATE INDEX asked_order ON asked
    (danger DESC, times DESC, not_helpful DESC, weak DESC, unanswered DESC, first_seq);
CREATE INDEX asked_unanswered ON asked
    (danger DESC, times DESC, not_helpful DESC, first_seq) WHERE unanswered = 1;

INSERT INTO asked (key, language, first_seq, times, danger)
SELECT q.cache_key, q.language, min(q.seq), count(*), max(coalesce(a.danger, 0))
FROM questions q LEFT JOIN answers a ON a.question_seq = q.seq GROUP BY q.cache_key, q.language;
UPDATE asked SET unanswered = coalesce(
    (SELECT q.state = 'failed' OR a.origin = 'none'
     FROM questions q LEFT JOIN answers a ON a.question_seq = q.seq
     WHERE q.cache_key = asked.key AND q.language = asked.language
       AND q.state IN ('done', 'failed') ORDER BY q.seq DESC LIMIT 1), 0);

CREATE TRIGGER asked_again AFTER INSERT ON questions BEGIN
    INSERT INTO asked (key, language, first_seq, times, danger)
    VALUES (new.cache_key, new.language, new.seq, 1, new.danger IS NOT NULL)
    ON CONFLICT (key, language) DO UPDATE
    SET times = times + 1, danger = max(danger, excluded.danger);
END;
CREATE TRIGGER asked_danger AFTER UPDATE OF danger ON questions WHEN new.danger IS NOT NULL BEGIN
    UPDATE asked SET danger = 1 WHERE key = new.cache_key AND language = new.language;
END;
CREATE TRIGGER asked_failed AFTER UPDATE OF state ON questions WHEN new.state = 'failed' BEGIN
    UPDATE asked SET unanswered = 1 WHERE key = new.cache_key AND language = new.language;
END;
CREATE TRIGGER asked_answered AFTER INSERT ON answers BEGIN
    UPDATE asked SET danger = max(asked.danger, new.danger), weak = new.weak <> 0,
                     unanswered = new.origin = 'none'
    FROM questions q
    WHERE q.seq = new.question_seq AND asked.key = q.cache_key AND asked.language = q.language;
END;
CREATE TRIGGER asked_helped AFTER UPDATE OF helpful ON answers BEGIN
    UPDATE asked SET not_helpful = not_helpful + (new.helpful IS 0) - (old.helpful IS 0)
    FROM questions q
    WHERE q.seq = new.question_seq AND asked.key = q.cache_key AND asked.language = q.language;
END;
-- Before the question goes, since its answer goes with it.
CREATE TRIGGER asked_less BEFORE DELETE ON questions BEGIN
    UPDATE asked SET
        times = times - 1,
        not_helpful = not_helpful
            - (SELECT count(*) FROM answers WHERE question_seq = old.seq AND helpful = 0),
        first_seq = coalesce(
            (SELECT min(q.seq) FROM questions q WHERE q.cache_key = old.cache_key
             AND q.language = old.language AND q.seq <> old.seq), 0)
    WHERE key = old.cache_key AND language = old.language;
    DELETE FROM asked
    WHERE key = old.cache_key AND language = old.language AND times <= 0;
END;

-- Questions by SMS that may be owed a notice.
CREATE INDEX questions_sms ON questions (asked_running_s) WHERE channel = 'sms';

CREATE INDEX reviews_decided ON reviews (audit_seq, id) WHERE state <> 'half';

-- What a review replaced in an entry, as JSON, to be put back; NULL if nothing was.
ALTER TABLE passages ADD COLUMN original TEXT;
-- How many answers rested on it.
ALTER TABLE passages ADD COLUMN cited INTEGER NOT NULL DEFAULT 0;

-- Entries are the passages with a question of their own.
CREATE INDEX passages_unreviewed ON passages (cited DESC, id)
    WHERE reviewed_by IS NULL AND withdrawn = 0 AND question <> '';
CREATE INDEX sources_entry ON sources (entry_id);

CREATE TRIGGER passage_cited AFTER INSERT ON sources WHEN new.place IS NOT NULL BEGIN
    UPDATE passages SET cited = cited + 1 WHERE id = new.place;
END;

-- 1: a decision on another text of this entry than the one that is loaded now. It stays in the record
-- and holds for nothing.
ALTER TABLE reviews ADD COLUMN stale INTEGER NOT NULL DEFAULT 0 CHECK (stale IN (0, 1));

-- The last decision of that box that was read in, by its own count.
ALTER TABLE trusted_keys ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
