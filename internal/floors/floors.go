// Package floors holds the test that keeps the house standing: imports go down,
// never up and never sideways. The table in floors_test.go is the plan of the
// house in the form a machine can check.
package floors
