-- What each rule of assist mode says of a move, as JSON; NULL where no rule was asked. It was asked when the proposal was
-- made: the rules allowed the start of a move that the policy approved, and say of the others why people decide.
ALTER TABLE move ADD COLUMN rules TEXT;

DROP VIEW move_state;

-- A move with its decision, its first approval and its migration, as the program reads it.
CREATE VIEW move_state AS
    SELECT m.id, m.proposal_id, m.position, m.cluster_id, m.vm_id, m.source_id, m.target_id, m.state,
           m.rules,
           d.by_kind, d.by_name, d.by_id, d.at AS decided_at, d.verdict, d.rests_until,
           f.by_kind AS first_kind, f.by_name AS first_name, f.by_id AS first_id, f.at AS first_at,
           f.not_before AS first_not_before,
           g.id AS migration_id, g.state AS migration_state, g.queued_at, g.not_before, g.started_at, g.finished_at,
           g.consul_id, g.task_id, g.history_mark, g.reason, g.error, g.sighting,
           g.seen_node_id, g.seen_running
      FROM move m
      LEFT JOIN decision d ON d.move_id = m.id
      LEFT JOIN first_approval f ON f.move_id = m.id
      LEFT JOIN migration g ON g.move_id = m.id;
