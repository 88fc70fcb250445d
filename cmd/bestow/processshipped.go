package main

import (
	"fmt"
	"io"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
	"bestow.dev/processes"
)

type processShippedCmd struct {
	Name string `arg:"" optional:"" help:"Print this one, to change a copy of it."`
}

func (processShippedCmd) Help() string {
	return `Example:
  bestow process shipped
  bestow process shipped security-key > ours.bpmn`
}

// shippedDocument is a definition that comes with the program, in JSON.
type shippedDocument struct {
	Key   string   `json:"key"`
	Name  string   `json:"name"`
	Calls []string `json:"calls,omitempty"`
}

// Run lists them, or prints one.
func (c processShippedCmd) Run(in *invocation) error {
	if c.Name != "" {
		found, err := shipped(c.Name)
		if err != nil {
			return err
		}
		_, err = in.stdout.Write(found[len(found)-1].XML)
		return err
	}
	var docs []shippedDocument
	for _, d := range processes.All() {
		p, err := bpmn.Parse(d.XML)
		if err != nil {
			return err
		}
		docs = append(docs, shippedDocument{d.Name, p.Name, d.Calls})
	}
	return in.print(docs, func(w io.Writer) {
		row(w, "KEY", "NAME", "CALLS")
		for _, d := range docs {
			calls := ""
			if len(d.Calls) > 0 {
				calls = d.Calls[0]
			}
			row(w, d.Key, d.Name, calls)
		}
	})
}

// shipped returns the definitions that a name stands for, in the order to deploy them.
func shipped(name string) ([]processes.Definition, error) {
	if name == "all" {
		return processes.All(), nil
	}
	found := processes.With(name)
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "process.shipped_unknown", "No definition of that name comes with the program: bestow process shipped lists them.")
	}
	return found, nil
}

// deployShipped deploys a definition and those that it calls.
func (c processDeployCmd) deployShipped(in *invocation) error {
	wanted, err := shipped(c.Shipped)
	if err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		var docs []versionDocument
		for _, d := range wanted {
			done, err := l.Processes.Deploy(in.ctx, l.by, process.Deploy{XML: d.XML, SelfService: c.SelfService && d.Name == c.Shipped})
			if err != nil {
				return err
			}
			for _, w := range done.Warnings {
				fmt.Fprintln(in.stderr, "warning:", d.Name, legible(w.Error()))
			}
			docs = append(docs, fromVersion(&done.Version))
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "KEY", "VERSION", "NAME")
			for _, v := range docs {
				row(w, v.Key, v.Version, v.Name)
			}
		})
	})
}
