package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
)

// userRow is one row of the file, with the line it stands on.
type userRow struct {
	line int
	user credential.NewUser
}

// maxImportBytes bounds a file: some two million users.
const maxImportBytes = 128 << 20

// readUsersCSV reads the whole file before anything is done with it.
func readUsersCSV(input io.Reader) ([]userRow, error) {
	limited := &io.LimitedReader{R: input, N: maxImportBytes + 1}
	r := csv.NewReader(limited)
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err != nil {
		return nil, badCSV(err)
	}
	columns, err := userColumns(header)
	if err != nil {
		return nil, err
	}
	var rows []userRow
	for {
		record, err := r.Read()
		switch {
		case limited.N <= 0: // it was cut off somewhere in a row
			return nil, badCSV(fmt.Errorf("it is longer than %d MiB; split it", maxImportBytes>>20))
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			return nil, badCSV(err)
		}
		line, _ := r.FieldPos(0)
		row := userRow{line: line}
		for i, set := range columns {
			set(&row.user, strings.TrimSpace(record[i]))
		}
		rows = append(rows, row)
	}
}

// userColumns returns what to do with each column.
func userColumns(header []string) ([]func(*credential.NewUser, string), error) {
	var columns []func(*credential.NewUser, string)
	named := false
	for _, name := range header {
		switch strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))) { // Excel writes a BOM
		case "name":
			named = true
			columns = append(columns, func(u *credential.NewUser, v string) { u.Name = v })
		case "displayname":
			columns = append(columns, func(u *credential.NewUser, v string) { u.DisplayName = v })
		default:
			return nil, badCSV(fmt.Errorf("there is a column %q; name and displayName are the ones known", name))
		}
	}
	if !named {
		return nil, badCSV(errors.New("the first line does not name a column name"))
	}
	return columns, nil
}

func badCSV(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("it is empty")
	}
	return fault.New(fault.Invalid, "csv", "The CSV file cannot be used: "+err.Error()+".")
}

// importedRow is what became of one row, in JSON.
type importedRow struct {
	Line  int    `json:"line"`
	Name  string `json:"name"`
	ID    string `json:"id,omitempty"`
	Error string `json:"error,omitempty"`
}

// importUsers stores the rows in batches and says how far it is.
func (l *local) importUsers(rows []userRow) error {
	const batch = 1000
	out := []importedRow{}
	created, existed := 0, 0
	for start := 0; start < len(rows); start += batch {
		part := rows[start:min(start+batch, len(rows))]
		users := make([]credential.NewUser, len(part))
		for i, r := range part {
			users[i] = r.user
		}
		results, err := l.Credentials.ImportUsers(l.in.ctx, l.by, users)
		for i, res := range results {
			row := importedRow{Line: part[i].line, Name: part[i].user.Name}
			switch {
			case res.Err == nil:
				created++
				row.ID = string(res.User.ID)
			case errors.Is(res.Err, credential.ErrUserExists):
				existed++
				row.Error = fault.From(res.Err).Code
			default:
				row.Error = fault.From(res.Err).Code
			}
			out = append(out, row)
		}
		if err != nil {
			return err
		}
		if len(rows) > batch {
			fmt.Fprintf(l.in.stderr, "%d of %d\n", start+len(part), len(rows))
		}
	}
	refused := len(out) - created - existed
	err := l.in.print(out, func(w io.Writer) {
		for _, r := range out {
			if r.Error != "" {
				row(w, fmt.Sprintf("line %d", r.Line), r.Name, r.Error)
			}
		}
		fmt.Fprintf(w, "%d created, %d there already, %d refused\n", created, existed, refused)
	})
	if err == nil && refused > 0 {
		return fault.New(fault.Rejected, "import.partly", fmt.Sprintf("%d rows were refused.", refused))
	}
	return err
}
