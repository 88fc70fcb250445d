package wiring

import (
	"os"
	"runtime/debug"
)

// collectorPercent is how much garbage may grow beside what is in use before it is
// collected. What a server has in use is a few megabytes, since the database holds
// everything: at Go's default of 100 % a busy one collects dozens of times a second.
const collectorPercent = 400

// EaseCollector has the program collect garbage less often than Go's default, unless the
// environment says how often (GOGC). A limit of its memory (GOMEMLIMIT) holds all the same.
// It is for the program as a whole, and so for whoever is its main.
func EaseCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
}
