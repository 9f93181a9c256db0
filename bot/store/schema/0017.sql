-- The VM of a failed migration as the panel showed it last. NULL: the panel did not tell, or no such VM.
ALTER TABLE migration ADD COLUMN seen_node_id INTEGER;
ALTER TABLE migration ADD COLUMN seen_running INTEGER;

DROP VIEW move_state;

-- A move with its decision, its first approval and its migration, as the program reads it.
CREATE VIEW move_state AS
    SELECT m.id, m.proposal_id, m.position, m.cluster_id, m.vm_id, m.source_id, m.target_id, m.state,
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
