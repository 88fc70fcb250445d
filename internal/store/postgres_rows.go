package store

import (
	"database/sql/driver"
	"io"

	"github.com/jackc/pgx/v5"
)

// rowsRead are rows that were read to their end, since what was sent together is answered
// as a whole.
type rowsRead struct {
	columns []string
	rest    [][]any
}

func readRows(rows pgx.Rows, err error) (*rowsRead, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	r := &rowsRead{}
	for _, f := range rows.FieldDescriptions() {
		r.columns = append(r.columns, f.Name)
	}
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			return nil, err
		}
		r.rest = append(r.rest, row)
	}
	rows.Close()
	return r, rows.Err()
}

// Columns implements [driver.Rows].
func (r *rowsRead) Columns() []string { return r.columns }

// Close implements [driver.Rows].
func (r *rowsRead) Close() error { return nil }

// Next implements [driver.Rows].
func (r *rowsRead) Next(dest []driver.Value) error {
	if len(r.rest) == 0 {
		return io.EOF
	}
	for i, v := range r.rest[0] {
		dest[i] = v
	}
	r.rest = r.rest[1:]
	return nil
}
