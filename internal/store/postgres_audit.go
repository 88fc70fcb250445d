package store

import (
	"strings"

	"bestow.dev/internal/audit"
)

// extendTexts move a head and insert one event, two, and so on, or fail if the head is
// elsewhere: one statement, because whoever else writes to the trail waits for it. Those of
// extendAheadTexts say on the way that the COMMIT does not wait for the disk.
var (
	extendTexts      = textsToExtend(`1 / count(*)`)
	extendAheadTexts = textsToExtend(`1 / count(*), set_config('synchronous_commit', 'off', true)`)
)

func textsToExtend(result string) (texts [eventsAtOnce]string) {
	for i := range texts {
		texts[i] = `WITH moved AS (UPDATE audit_head SET seq = $2, hash = $3 WHERE tenant = $1 AND seq = $4 AND hash = $5 RETURNING seq),
			added AS (INSERT INTO audit_event (` + eventColumns + `) SELECT e.* FROM moved, (VALUES ` + typedRows(i+1) + `) AS e)
			SELECT ` + result + ` FROM moved`
	}
	return texts
}

// typedRows are rowsOf behind the head's arguments. In a SELECT the server takes the type
// of a column from its first row, and not from where it is inserted.
func typedRows(n int) string {
	first, rest, _ := strings.Cut(rowsOf(n, eventWidth, 5), ")")
	values := strings.Split(first, ", ")
	for i, column := range strings.Split(eventColumns, ",") {
		switch column = strings.TrimSpace(column); column {
		case "seq", "time_ms":
			values[i] += "::bigint"
		case "prev_hash", "hash":
			values[i] += "::bytea"
		default:
			values[i] += "::text"
		}
	}
	return strings.Join(values, ", ") + ")" + rest
}

// extend is that of a unit, in one statement.
func (p *pipe) extend(from, to head, events []*audit.Event) error {
	text := extendTexts[len(events)-1]
	if p.unsaid {
		p.unsaid, text = false, extendAheadTexts[len(events)-1]
	}
	args := []any{events[0].Tenant, to.seq, to.hash[:], from.seq, from.hash[:]}
	return p.later(statement{text: text, failing: text, args: eventArgs(args, events), must: errHeadMoved})
}
