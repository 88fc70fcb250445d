package store

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pipes makes the connections of a pool pipes.
type pipes struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c pipes) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	p := &pipe{Conn: conn.(*stdlib.Conn)}
	var standbys string
	if err := p.Conn.Conn().QueryRow(ctx, prepare).Scan(nil, &standbys); err != nil {
		return nil, errors.Join(err, p.Conn.Close())
	}
	p.standby, p.opened = standbys != "", time.Now()
	return p, nil
}

// prepare has a statement planned once for all values, and asks whether a COMMIT waits for a
// standby. Our statements are few, each made for its index, with conditions of partial indexes
// as literals; left to itself the server plans some of them at each use, for a twentieth of
// the processors.
const prepare = `SELECT set_config('plan_cache_mode', 'force_generic_plan', false), current_setting('synchronous_standby_names')`

// pipe is a connection on which statements can wait for the next one: they are sent with
// it, and answered in the same round trip. A statement that fails keeps those behind it
// from being run.
type pipe struct {
	*stdlib.Conn
	opened  time.Time
	sent    time.Time // when the last COMMIT was
	standby bool      // a COMMIT waits for one
	waiting []statement
	ahead   bool  // the COMMIT does not wait for the disk; see flushes
	unsaid  bool  // the server has not been told so
	hasty   bool  // among what waits is something that is taken for granted
	refused error // by a statement that had to change something; the transaction must not commit
}

// statement is one that nobody waits for.
type statement struct {
	text string
	args []any
	told func(changed int64) // hears how many rows it changed; nil: nobody asks
	must error               // what it means that it changed none; nil: that is no matter
	dest []any               // where the columns of its row go; nil: nobody asks for one

	failing string // the text for where a COMMIT is sent with it, if it fails by itself; empty: orFail makes one
}

// orFail makes of a statement that changes rows one that fails where there are none to change:
// the server then runs nothing that was sent behind it, a COMMIT least of all.
func orFail(text string) string {
	return "WITH changed AS (" + text + " RETURNING 1) SELECT 1 / count(*) FROM changed"
}

// SQLSTATE, and a class of it.
const (
	divisionByZero     = "22012"
	integrityViolation = "23"
)

// judge says what it means that a statement came out so.
func (s *statement) judge(tag pgconn.CommandTag, err error) error {
	switch {
	case s.must != nil && (sqlState(err) == divisionByZero || err == nil && tag.RowsAffected() == 0):
		return s.must
	case err == nil && s.told != nil:
		s.told(tag.RowsAffected())
	}
	return err
}

// hear hears what came of a statement, and says what that means.
func (s *statement) hear(results pgx.BatchResults) error {
	if s.dest == nil {
		return s.judge(results.Exec())
	}
	rows, err := results.Query()
	if err == nil && rows.Next() {
		err = rows.Scan(s.dest...)
	}
	rows.Close()
	return s.judge(rows.CommandTag(), cmp.Or(err, rows.Err()))
}

// later has a statement wait for the next one. What its arguments stand for is known then:
// one that cannot be sent is the error of this call, and of no other.
func (p *pipe) later(s statement) error {
	for i, arg := range s.args {
		v, ok := arg.(driver.Valuer)
		if !ok {
			continue
		}
		value, err := v.Value()
		if err != nil {
			return err
		}
		s.args[i] = value
	}
	p.waiting = append(p.waiting, s)
	return nil
}

// takeBack drops what waits, and reports whether text is the first of it.
func (p *pipe) takeBack(text string) bool {
	defer p.forget()
	return len(p.waiting) > 0 && p.waiting[0].text == text
}

// forget drops what waits.
func (p *pipe) forget() { p.waiting = nil }

// clear forgets all that is known of a transaction.
func (p *pipe) clear() {
	p.waiting, p.refused, p.ahead, p.unsaid, p.hasty = nil, nil, false, false, false
}

const (
	begin  = "BEGIN"
	commit = "COMMIT"
)

// begin has a transaction begin with the next statement.
func (p *pipe) begin() {
	p.clear()
	p.waiting = []statement{{text: begin}}
}

// commit ends the transaction, in one round trip with what waits. The end of ctx has the server
// give up what it is doing: it says itself whether that came before the COMMIT. Where that
// waits for a standby it goes alone and is not given up: the server would call it a success.
func (p *pipe) commit(ctx context.Context) error {
	if p.refused != nil {
		return p.refused
	}
	if len(p.waiting) > 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	p.sayAhead()
	if !p.ahead {
		// Also where it has written nothing: what it has read and told of is on disk then.
		p.waiting = append(p.waiting, statement{text: behind})
	}
	// A statement that fails where it has no row has none to give.
	if p.standby || slices.ContainsFunc(p.waiting, func(s statement) bool { return s.dest != nil }) {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	p.waiting = append(p.waiting, statement{text: commit})
	p.sent = time.Now()
	done := p.giveUpAfter(ctx)
	defer done()
	return p.send(context.WithoutCancel(ctx), func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		if err == nil && tag.String() == "ROLLBACK" { // a statement had failed
			err = pgx.ErrTxCommitRollback
		}
		return err
	})
}

// askAgain is how long a request to give up may take to meet something to give up.
const askAgain = 100 * time.Millisecond

// giveUpAfter asks the server, once ctx has ended, to give up what it is doing for p, until done
// is called. One that was asked is not used any more: the request may still be on its way. Where
// a standby is waited for nothing is asked: to give that up counts as a success.
func (p *pipe) giveUpAfter(ctx context.Context) (done func()) {
	if p.standby {
		return func() {}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		for {
			asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			p.Conn.Conn().PgConn().CancelRequest(asking)
			cancel()
			select {
			case <-over:
				return
			case <-time.After(askAgain):
			}
		}
	})
	return func() {
		close(over)
		if !stop() {
			<-ended
			p.Conn.Close()
		}
	}
}

// rollback ends the transaction, if it has begun and not ended. A connection on which that
// fails is closed.
func (p *pipe) rollback(ctx context.Context) error {
	p.clear()
	if c := p.Conn.Conn(); c.IsClosed() || c.PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := p.Conn.Conn().Exec(ctx, "ROLLBACK")
	if err != nil {
		return errors.Join(err, p.Conn.Close())
	}
	return nil
}

// flush sends what waits, and judges it. It returns what was refused before as well: whoever
// got that error may have taken it for another statement's.
func (p *pipe) flush(ctx context.Context) error {
	if p.refused != nil || len(p.waiting) == 0 {
		return p.refused
	}
	return p.send(ctx, nil)
}

// send sends what waits, judges it, and hands the answer of the last to read; without read
// that one is judged too.
func (p *pipe) send(ctx context.Context, read func(pgx.BatchResults) error) (err error) {
	waiting := p.waiting
	p.forget()
	if p.Conn.Conn().IsClosed() {
		return driver.ErrBadConn
	}
	batch, last := &pgx.Batch{}, len(waiting)-1
	for _, s := range waiting {
		text := s.text
		if s.must != nil && waiting[last].text == commit { // there is no time to judge it ourselves
			text = cmp.Or(s.failing, orFail(text))
		}
		batch.Queue(text, s.args...)
	}
	results := p.Conn.Conn().SendBatch(ctx, batch)
	at := 0
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
		err = p.whatItMeans(whySent(waiting, at, err))
	}()
	judged := len(waiting)
	if read != nil {
		judged--
	}
	for ; at < judged; at++ {
		s := &waiting[at]
		if err := s.hear(results); err != nil {
			if err == s.must {
				p.refused = err
			}
			return err
		}
	}
	if read == nil {
		return nil
	}
	return read(results)
}

// whatItMeans is an error of statements some of which were taken for granted: whoever sent them
// has not waited for their errors, and cannot say what this one means.
func (p *pipe) whatItMeans(err error) error {
	hasty := p.hasty
	p.hasty = false
	if !hasty || !strings.HasPrefix(sqlState(err), integrityViolation) {
		return err
	}
	p.refused = errHasty
	return errors.Join(errHasty, err)
}

// whySent is the error of statements that were sent together, of which the one at a place
// failed. Where the connection was lost with the first ones of a transaction, nothing has
// happened yet; where a COMMIT was among them, only the server's own word is to be trusted.
func whySent(sent []statement, at int, err error) error {
	switch {
	case err == nil:
		return nil
	case pgconn.SafeToRetry(err):
		return errors.Join(driver.ErrBadConn, err)
	case !lost(err):
		return err
	case sent[len(sent)-1].text == commit && (at == len(sent)-1 || sqlState(err) == ""):
		return ErrOutcomeUnknown.Because(err)
	case sent[0].text == begin:
		return errors.Join(errNotBegun, err)
	}
	return err
}

// ExecContext implements [driver.ExecerContext]. A text without arguments may be several
// statements, which have to travel alone.
func (p *pipe) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if len(p.waiting) == 0 || len(args) == 0 {
		if err := p.flush(ctx); err != nil {
			return nil, err
		}
		return p.Conn.ExecContext(ctx, text, args)
	}
	var changed int64
	p.waiting = append(p.waiting, statement{text: text, args: values(args)})
	err := p.send(ctx, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		changed = tag.RowsAffected()
		return err
	})
	return driver.RowsAffected(changed), err
}

// QueryContext implements [driver.QueryerContext].
func (p *pipe) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if p.refused != nil {
		return nil, p.refused
	}
	if len(p.waiting) == 0 {
		return p.Conn.QueryContext(ctx, text, args)
	}
	p.waiting = append(p.waiting, statement{text: text, args: values(args)})
	var found *rowsRead
	err := p.send(ctx, func(r pgx.BatchResults) (err error) {
		found, err = readRows(r.Query())
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func values(args []driver.NamedValue) []any {
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a.Value
	}
	return all
}
