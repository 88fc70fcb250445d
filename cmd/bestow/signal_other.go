//go:build !unix

package main

import "os"

// reloadSignals is empty where there is no SIGHUP. signal.Notify with no signals
// would relay all of them, so a name that is never sent stands here.
var reloadSignals = []os.Signal{neverSent{}}

type neverSent struct{}

func (neverSent) String() string { return "never sent" }
func (neverSent) Signal()        {}
