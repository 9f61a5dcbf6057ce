-- Why an entry should be reviewed before others: 2 if its question raises the danger floor, plus 1 if
-- its answer has a dose. Told when a pack is read in.
ALTER TABLE passages ADD COLUMN attention INTEGER NOT NULL DEFAULT 0;

DROP INDEX passages_unreviewed;
CREATE INDEX passages_unreviewed ON passages (attention DESC, cited DESC, id)
    WHERE reviewed_by IS NULL AND withdrawn = 0 AND question <> '';
