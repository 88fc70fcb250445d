// Package process runs identity processes: definitions in versions, their runs, the
// tasks of people and the jobs in between, all of them rows.
package process
