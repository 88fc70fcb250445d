package wiring

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// TestDataFile shows whoever looks into a data directory that it holds test data. The
// mark that counts is in the database.
const TestDataFile = "TEST-DATA"

// stopVariable names the variable of the environment that has the program stop at a
// transaction, as a power failure would: see [store.Config]. Only on test data; elsewhere
// the program does not start with it.
const stopVariable = "BESTOW_TEST_STOP_AT"

const testDataText = `The database in this directory was made with --test-data. Recorded ceremonies can be
imported into it, so what it says about people and their keys proves nothing.
`

// seeTestData notes whether the database is test data, and has the directory show it.
// A backup of test data is test data wherever it is restored.
func (a *App) seeTestData(ctx context.Context) (err error) {
	if a.TestData, err = a.DB.TestData(ctx); err != nil || !a.TestData || a.config.Database != "" {
		return err
	}
	f, err := os.OpenFile(filepath.Join(a.config.Data, TestDataFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("mark test data: %w", err)
	}
	if _, err := f.WriteString(testDataText); err != nil {
		f.Close()
		return fmt.Errorf("mark test data: %w", err)
	}
	return f.Close()
}
