package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
)

const taskColumns = `t.id, t.tenant, t.run_id, t.root, t.process, t.version, t.token, t.element, t.name, t.state, t.assignee, t.assignee_name,
	t.role, t.taken_by, t.form_values, t.created_ms, t.ended_ms, t.done_by`

func taskDest(t *process.Task) []any {
	return []any{
		&t.ID, &t.Tenant, &t.Run, &t.Root, &t.Definition, &t.Version, &t.Token, &t.Element, &t.Name, &t.State, scanNull(&t.Assignee),
		&t.AssigneeName, &t.Role, &t.TakenBy, scanJSON(&t.Values), scanMS(&t.Created), scanMS(&t.Ended), &t.DoneBy,
	}
}

func insertTask(ctx context.Context, q tx, t *process.Task) error {
	const text = `INSERT INTO process_task (id, tenant, run_id, root, process, version, token, element, name, state, assignee, assignee_name,
		role, taken_by, form_values, created_ms, ended_ms, done_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', $14, $15, 0, '')`
	return q.Later(ctx, text, t.ID, t.Tenant, t.Run, t.Root, t.Definition, t.Version, t.Token, t.Element, t.Name, t.State,
		null(t.Assignee), cleanText(t.AssigneeName), t.Role, asJSON(t.Values), ms(t.Created))
}

// completeTask ends a task that is open, and nobody else's.
func completeTask(ctx context.Context, q tx, c *process.Completion) error {
	const text = `UPDATE process_task SET state = 'completed', ended_ms = $2, done_by = $3
		WHERE id = $1 AND state = 'open' AND (taken_by = '' OR taken_by = $3)`
	n, err := q.Expect(ctx, text, c.Task, ms(c.At), c.By)
	if err != nil || n == 1 {
		return err
	}
	return whyNotTask(ctx, q, c.Task)
}

// whyNotTask tells why a task could not be taken or completed.
func whyNotTask(ctx context.Context, q tx, id string) error {
	var state process.TaskState
	err := q.QueryRow(ctx, `SELECT state FROM process_task WHERE id = $1`, id).Scan(&state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return process.ErrTaskUnknown
	case err != nil:
		return err
	case state != process.TaskOpen:
		return process.ErrTaskOver
	}
	return process.ErrTaskTaken
}

// Task implements [process.TaskStore].
func (p processStore) Task(ctx context.Context, tenant, id string) (*process.Task, error) {
	t := new(process.Task)
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, `SELECT `+taskColumns+` FROM process_task t WHERE t.tenant = $1 AND t.id = $2`, tenant, id).Scan(taskDest(t)...)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, process.ErrTaskUnknown
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Tasks implements [process.TaskStore].
func (p processStore) Tasks(ctx context.Context, query process.TaskQuery) ([]process.Task, error) {
	w := &conditions{}
	w.and("t.tenant = ? AND t.state = 'open'", query.Tenant)
	if query.Assignee != "" {
		w.and("t.assignee = ?", query.Assignee)
	}
	if query.Role != "" {
		w.and("t.role = ?", query.Role)
	}
	if query.Run != "" {
		w.and("t.run_id = ?", query.Run)
	}
	if query.AfterID != "" {
		w.and("(t.created_ms > ? OR (t.created_ms = ? AND t.id > ?))", ms(query.AfterTime), ms(query.AfterTime), query.AfterID)
	}
	text := w.text(`SELECT `+taskColumns+` FROM process_task t WHERE `, ` ORDER BY t.created_ms, t.id LIMIT ?`, query.Limit)
	var tasks []process.Task
	err := p.db.read(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, w.args...)
		tasks, err = collect(rows, err, func(rows *sql.Rows) (t process.Task, err error) { return t, rows.Scan(taskDest(&t)...) })
		return err
	})
	return tasks, err
}

// TakeTask implements [process.TaskStore].
func (p processStore) TakeTask(ctx context.Context, tenant, id, from, by string, e audit.Event) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `UPDATE process_task SET taken_by = $4 WHERE id = $1 AND tenant = $2 AND state = 'open' AND (taken_by = '' OR taken_by = $3)`
		n, err := q.Exec(ctx, text, id, tenant, from, by)
		if err != nil {
			return err
		}
		if n == 0 {
			return whyNotTask(ctx, q, id)
		}
		return appendAudit(ctx, q, e)
	})
}

const linkColumns = `l.id, l.tenant, l.task_id, l.run_id, l.user_id, l.secret, l.created_ms, l.expires_ms, l.spent_ms, l.session, l.session_expires_ms`

func linkDest(l *process.TaskLink) []any {
	return []any{
		&l.ID, &l.Tenant, &l.Task, &l.Run, &l.User, scanHash(&l.Secret), scanMS(&l.Created), scanMS(&l.Expires), scanMS(&l.Spent),
		&l.Session, scanMS(&l.SessionExpires),
	}
}

// AddTaskLink implements [process.TaskStore].
func (p processStore) AddTaskLink(ctx context.Context, l *process.TaskLink, e audit.Event) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		// This holds the task's row, so that of two links one is void.
		n, err := q.Exec(ctx, `UPDATE process_task SET taken_by = taken_by WHERE id = $1 AND tenant = $2 AND state = 'open'`, l.Task, l.Tenant)
		if err != nil {
			return err
		}
		if n == 0 {
			return whyNotTask(ctx, q, l.Task)
		}
		const end = `UPDATE process_task_link SET session = '', session_expires_ms = 0,
			spent_ms = CASE WHEN spent_ms = 0 THEN CAST($2 AS BIGINT) ELSE spent_ms END WHERE task_id = $1`
		if _, err := q.Exec(ctx, end, l.Task, ms(l.Created)); err != nil {
			return err
		}
		const text = `INSERT INTO process_task_link (id, tenant, task_id, run_id, user_id, secret, created_ms, expires_ms, spent_ms, session, session_expires_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '', 0)`
		if _, err := q.Exec(ctx, text, l.ID, l.Tenant, l.Task, l.Run, l.User, l.Secret[:], ms(l.Created), ms(l.Expires)); err != nil {
			return err
		}
		return appendAudit(ctx, q, e)
	})
}

// TaskLink implements [process.TaskStore].
func (p processStore) TaskLink(ctx context.Context, secret [sha256.Size]byte) (*process.TaskLink, error) {
	var l *process.TaskLink
	err := p.db.read(ctx, func(ctx context.Context, q tx) (err error) {
		l, err = readLink(ctx, q, `l.secret = $1`, secret[:])
		return err
	})
	return l, err
}

func readLink(ctx context.Context, q tx, where string, arg any) (*process.TaskLink, error) {
	l := new(process.TaskLink)
	err := q.QueryRow(ctx, `SELECT `+linkColumns+` FROM process_task_link l JOIN users u ON u.id = l.user_id AND u.locked_ms = 0 WHERE `+where, arg).
		Scan(linkDest(l)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, process.ErrLinkUnknown
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// OpenTaskLink implements [process.TaskStore].
func (p processStore) OpenTaskLink(ctx context.Context, o *process.Opening, e audit.Event) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		l, err := readLink(ctx, q, `l.secret = $1`, o.Secret[:])
		if err != nil {
			return err
		}
		n, err := q.Exec(ctx, `UPDATE process_task SET taken_by = taken_by WHERE id = $1 AND state = 'open'`, l.Task)
		if err != nil {
			return err
		}
		if n == 0 {
			return process.ErrTaskOver
		}
		const text = `UPDATE process_task_link SET spent_ms = $2, session = $3, session_expires_ms = $4
			WHERE secret = $1 AND spent_ms = 0 AND expires_ms > $2`
		n, err = q.Exec(ctx, text, o.Secret[:], ms(o.At), o.Session, ms(o.SessionExpires))
		if err != nil {
			return err
		}
		if n == 0 {
			if l.Spent.IsZero() && !o.At.Before(l.Expires) {
				return process.ErrLinkExpired
			}
			return process.ErrLinkSpent
		}
		return appendAudit(ctx, q, e)
	})
}

// TaskSession implements [process.TaskStore].
func (p processStore) TaskSession(ctx context.Context, session string) (*process.TaskLink, error) {
	var l *process.TaskLink
	err := p.db.read(ctx, func(ctx context.Context, q tx) (err error) {
		l, err = readLink(ctx, q, `l.session = $1 AND l.session <> ''`, session)
		return err
	})
	if errors.Is(err, process.ErrLinkUnknown) {
		return nil, process.ErrSession
	}
	return l, err
}

// EndTaskSession implements [process.TaskStore].
func (p processStore) EndTaskSession(ctx context.Context, session string, e audit.Event) error {
	return p.db.write(ctx, func(ctx context.Context, q tx) error {
		const text = `UPDATE process_task_link SET session = '', session_expires_ms = 0 WHERE session = $1 AND session <> ''`
		n, err := q.Exec(ctx, text, session)
		if err != nil {
			return err
		}
		if n == 0 {
			return process.ErrSession
		}
		return appendAudit(ctx, q, e)
	})
}
