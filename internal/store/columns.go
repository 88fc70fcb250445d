package store

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// ms is t as a _ms column holds it; zero for the zero time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMS is the time, in UTC, that a _ms column holds; the zero time for zero.
func fromMS(v int64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(v).UTC()
}

// scanMS scans a _ms column into *t. NULL reads as the zero time.
func scanMS(t *time.Time) sql.Scanner { return &msColumn{t} }

type msColumn struct{ t *time.Time }

// Scan implements [sql.Scanner].
func (c *msColumn) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*c.t = time.Time{}
	case int64:
		*c.t = fromMS(v)
	default:
		return fmt.Errorf("column of milliseconds holds %T", src)
	}
	return nil
}

// null is v as an argument that stores v's zero value as NULL.
func null[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// scanNull scans a column into *v. NULL reads as the zero value.
func scanNull[T any](v *T) sql.Scanner { return &nullColumn[T]{v} }

type nullColumn[T any] struct{ v *T }

// Scan implements [sql.Scanner].
func (c *nullColumn[T]) Scan(src any) error {
	var n sql.Null[T]
	if err := n.Scan(src); err != nil {
		return err
	}
	*c.v = n.V
	return nil
}

// asJSON is v as an argument for a TEXT column that holds JSON.
func asJSON(v any) driver.Valuer { return jsonArgument{v} }

type jsonArgument struct{ v any }

// Value implements [driver.Valuer].
func (a jsonArgument) Value() (driver.Value, error) {
	text, err := json.Marshal(a.v)
	if err != nil {
		return nil, err
	}
	return string(text), nil
}

// scanJSON scans a TEXT column that holds JSON into *v, which is zeroed first.
// NULL and the empty text read as the zero value.
func scanJSON[T any](v *T) sql.Scanner { return &jsonColumn[T]{v} }

type jsonColumn[T any] struct{ v *T }

// Scan implements [sql.Scanner].
func (c *jsonColumn[T]) Scan(src any) error {
	var zero T
	*c.v = zero
	var text []byte
	switch s := src.(type) {
	case nil:
		return nil
	case string:
		text = []byte(s)
	case []byte:
		text = s
	default:
		return fmt.Errorf("column of JSON holds %T", src)
	}
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, c.v)
}

// isUnique reports whether err says that a row of table with the same value in
// columns exists. Without columns any unique or primary key of the table counts.
// The columns are those of the key, in its order.
func isUnique(err error, table string, columns ...string) bool {
	v, ok := sqliteUnique(err)
	if !ok {
		v, ok = postgresUnique(err)
	}
	if !ok || v.table != table {
		return false
	}
	if len(columns) == 0 {
		return true
	}
	if len(columns) != len(v.columns) {
		return false
	}
	for i, c := range columns {
		if v.columns[i] != c {
			return false
		}
	}
	return true
}

// violation is a unique key that a statement ran into.
type violation struct {
	table   string
	columns []string
}
