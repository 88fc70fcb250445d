package store_test

import (
	"testing"

	"bestow.dev/internal/store/pgtest"
	"bestow.dev/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, storetest.SQLite)
	storetest.RunTestData(t, storetest.SQLiteTestData)
}

func TestPostgres(t *testing.T) {
	pgtest.Need(t)
	storetest.Run(t, storetest.Postgres)
	storetest.RunTestData(t, storetest.PostgresTestData)
}
