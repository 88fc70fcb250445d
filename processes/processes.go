// Package processes has definitions of identity processes to begin with, as BPMN 2.0
// files for the usual editors. None of them is in force by itself: whoever wants one
// deploys it, or a copy that fits their house.
//
// They expect a connection by the name digital-access and a messaging server by the name
// hermod with the set of attestation keys desks.
package processes

import (
	"embed"
	"slices"
)

//go:embed *.bpmn
var files embed.FS

// Definition is one definition.
type Definition struct {
	Name  string   // the process's id
	Calls []string // processes that have to be deployed before it; all are in [All]
	XML   []byte
}

// calls are the definitions in an order in which they can be deployed.
var calls = []Definition{
	{Name: "security-key-session"},
	{Name: "security-key", Calls: []string{"security-key-session"}},
	{Name: "browser-invitation"},
	{Name: "security-key-browser", Calls: []string{"browser-invitation"}},
	{Name: "two-security-keys", Calls: []string{"security-key"}},
	{Name: "replace-security-key", Calls: []string{"security-key"}},
}

// All returns every definition, each after those that it calls.
func All() []Definition {
	all := slices.Clone(calls)
	for i := range all {
		text, err := files.ReadFile(all[i].Name + ".bpmn")
		if err != nil {
			panic(err) // it is part of the program
		}
		all[i].Calls, all[i].XML = slices.Clone(all[i].Calls), text
	}
	return all
}

// With returns a definition and all that it needs, in the order in which they have to be
// deployed; nothing for a name that is none.
func With(name string) []Definition {
	needed := map[string]bool{name: true}
	all := All()
	for _, d := range slices.Backward(all) { // callers before what they call
		if needed[d.Name] {
			for _, called := range d.Calls {
				needed[called] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(d Definition) bool { return !needed[d.Name] })
}
