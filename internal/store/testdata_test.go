package store

import (
	"context"
	"errors"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// reopened opens the database and closes it, and returns whether it was test data.
func reopened(t *testing.T, c Config) (is bool, err error) {
	t.Helper()
	db, err := Open(t.Context(), c)
	if err != nil {
		return false, err
	}
	defer db.Close()
	if is, err = db.TestData(t.Context()); err != nil {
		t.Fatal(err)
	}
	return is, nil
}

// Test data is what was made as such, from then on and whoever opens it.
func TestTestData(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		marking := c
		marking.TestData = true
		for _, c := range []Config{marking, c, marking} {
			if is, err := reopened(t, c); err != nil || !is {
				t.Errorf("TestData %t: it is test data: %t, %v", c.TestData, is, err)
			}
		}
	})
}

// A database that is there does not become test data, though nothing is in it.
func TestNotTestData(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		if is, err := reopened(t, c); err != nil || is {
			t.Fatalf("it is test data: %t, %v", is, err)
		}
		marking := c
		marking.TestData = true
		if _, err := reopened(t, marking); !errors.Is(err, ErrDatabaseExists) {
			t.Errorf("marking: %v", err)
		}
		if is, err := reopened(t, c); err != nil || is {
			t.Errorf("afterwards it is test data: %t, %v", is, err)
		}
	})
}

// Between the making and the mark another process may have begun to work.
func TestMarkTooLate(t *testing.T) {
	eachConfig(t, func(t *testing.T, c Config) {
		db, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		e := audit.Event{Tenant: "acme", Action: "tenant.created", Actor: audit.Actor{Kind: audit.System, ID: "test"}, Outcome: audit.OK}
		if err := db.CreateTenant(context.Background(), tenant.Tenant{Name: "acme"}, e); err != nil {
			t.Fatal(err)
		}
		if err := db.markTestData(t.Context(), true); !errors.Is(err, ErrDatabaseExists) {
			t.Errorf("marking: %v", err)
		}
		if is, err := db.TestData(t.Context()); err != nil || is {
			t.Errorf("it is test data: %t, %v", is, err)
		}
	})
}

// A copy of test data is test data.
func TestCopyOfTestData(t *testing.T) {
	from := Config{SQLite: t.TempDir() + "/bestow.db", TestData: true}
	if _, err := reopened(t, from); err != nil {
		t.Fatal(err)
	}
	to := Config{SQLite: t.TempDir() + "/copy.db"}
	if err := CopySQLite(t.Context(), from.SQLite, to.SQLite); err != nil {
		t.Fatal(err)
	}
	if is, err := reopened(t, to); err != nil || !is {
		t.Errorf("the copy is test data: %t, %v", is, err)
	}
}
