package store

import (
	"errors"
	"path/filepath"
	"testing"
)

// Only on test data can a program be told to stop.
func TestStopNeedsTestData(t *testing.T) {
	c := Config{SQLite: filepath.Join(t.TempDir(), "bestow.db"), StopAt: "before:1:key"}
	if _, err := Open(t.Context(), c); !errors.Is(err, ErrStopNeedsTestData) {
		t.Errorf("a new database: %v", err)
	}
	c.TestData = true
	if _, err := Open(t.Context(), c); !errors.Is(err, ErrDatabaseExists) {
		t.Errorf("the database that is there now: %v", err)
	}
	c.SQLite = filepath.Join(t.TempDir(), "bestow.db")
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, stops := db.Process().(*stopper); !stops {
		t.Error("test data: the program does not stop")
	}
}

func TestParseStop(t *testing.T) {
	s, err := parseStop("after:12:order:7")
	if err != nil || !s.after || s.at != 12 || s.key != "order:7" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"before", "before:1", "before:1:", "before:0:key", "before:-1:key", "before:x:key", "before:1x:key", "during:1:key"} {
		if _, err := parseStop(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
