package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
)

type processCmd struct {
	Shipped     processShippedCmd     `cmd:"" help:"List the definitions that come with the program, or print one."`
	Check       processCheckCmd       `cmd:"" help:"Check a definition in a file, without changing anything."`
	Deploy      processDeployCmd      `cmd:"" help:"Make a definition the newest version of its process."`
	Definitions processDefinitionsCmd `cmd:"" help:"List the processes that can be started."`
	Start       processStartCmd       `cmd:"" help:"Start a process."`
	List        processListCmd        `cmd:"" help:"List runs of processes."`
	Show        processShowCmd        `cmd:"" help:"Show a run: where it stands, and how it came there."`
	Retry       processRetryCmd       `cmd:"" help:"Try a task again that has failed too often."`
	Skip        processSkipCmd        `cmd:"" help:"Go on as if a task that has failed too often were done."`
	Cancel      processCancelCmd      `cmd:"" help:"End a run, whatever it is at."`
}

// maxDefinitionBytes bounds a file that is read as a definition.
const maxDefinitionBytes = 1 << 20

func readDefinition(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxDefinitionBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(text) > maxDefinitionBytes {
		return nil, fault.New(fault.Invalid, "process.definition", path+" is larger than 1 MiB.")
	}
	return text, nil
}

type processCheckCmd struct {
	File string `arg:"" help:"BPMN 2.0 file." type:"existingfile"`
}

func (processCheckCmd) Help() string {
	return `Says everything that is wrong with it, by line. Whether there are the tasks and
processes that it names is for deploy to know.

Example:
  bestow process check enrol.bpmn`
}

// Run checks the definition.
func (c processCheckCmd) Run(in *invocation) error {
	text, err := readDefinition(c.File)
	if err != nil {
		return err
	}
	d, err := bpmn.Parse(text)
	if err != nil {
		return fault.New(fault.Invalid, "process.definition", c.File+":\n"+err.Error())
	}
	tasks := []string{}
	for _, id := range d.Order {
		if w := d.Elements[id].Work; w != nil {
			tasks = append(tasks, w.Task)
		}
	}
	doc := map[string]any{"key": d.ID, "name": d.Name, "elements": len(d.Elements), "tasks": tasks, "drawn": d.Diagram != nil}
	return in.print(doc, func(w io.Writer) {
		row(w, "key", d.ID)
		row(w, "name", legible(d.Name))
		row(w, "elements", len(d.Elements))
		row(w, "tasks", legible(strings.Join(tasks, ", ")))
		row(w, "drawn", d.Diagram != nil)
	})
}

type processDeployCmd struct {
	scope
	File        string `arg:"" optional:"" help:"BPMN 2.0 file." type:"existingfile"`
	Shipped     string `help:"Instead of a file: a definition that comes with the program, and those that it calls; or all." placeholder:"NAME"`
	SelfService bool   `help:"People may start it for themselves."`
	Force       bool   `help:"Deploy it although a task that has to be asynchronous is not. This is audited."`
}

func (processDeployCmd) Help() string {
	return `Runs that are under way stay with the version they began with.

Example:
  bestow process deploy enrol.bpmn
  bestow process deploy --shipped security-key`
}

// Run deploys the definition.
func (c processDeployCmd) Run(in *invocation) error {
	if (c.File == "") == (c.Shipped == "") {
		return fault.New(fault.Invalid, "process.definition", "Name a file, or a definition with --shipped.")
	}
	if c.Shipped != "" {
		return c.deployShipped(in)
	}
	text, err := readDefinition(c.File)
	if err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		done, err := l.Processes.Deploy(in.ctx, l.by, process.Deploy{XML: text, SelfService: c.SelfService, Force: c.Force})
		if err != nil {
			return err
		}
		for _, w := range done.Warnings {
			fmt.Fprintln(in.stderr, "warning:", legible(w.Error()))
		}
		return in.print(fromVersion(&done.Version), func(w io.Writer) {
			row(w, "key", done.Version.Key)
			row(w, "version", done.Version.Version)
			row(w, "name", legible(done.Version.Name))
			if !done.Added {
				row(w, "", "The newest version is the same; nothing was changed.")
			}
		})
	})
}

// versionDocument is a version of a definition in JSON.
type versionDocument struct {
	Key         string     `json:"key"`
	Version     int        `json:"version"`
	Name        string     `json:"name"`
	Digest      string     `json:"digest"` // SHA-256 of the text, hexadecimal
	SelfService bool       `json:"selfService"`
	Forced      bool       `json:"forced,omitempty"`
	Deployed    *time.Time `json:"deployed"`
	DeployedBy  string     `json:"deployedBy"`
}

func fromVersion(v *process.Version) versionDocument {
	return versionDocument{
		Key: v.Key, Version: v.Version, Name: v.Name, Digest: fmt.Sprintf("%x", v.Digest),
		SelfService: v.SelfService, Forced: v.Forced, Deployed: when(v.Deployed), DeployedBy: v.DeployedBy.String(),
	}
}

type processDefinitionsCmd struct{ scope }

func (processDefinitionsCmd) Help() string { return "Example:\n  bestow process definitions" }

// Run lists the newest version of each process.
func (c processDefinitionsCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		list, err := l.Processes.Definitions(in.ctx, l.by)
		if err != nil {
			return err
		}
		docs := []versionDocument{}
		for i := range list {
			docs = append(docs, fromVersion(&list[i]))
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "KEY", "VERSION", "NAME", "SELF-SERVICE", "DEPLOYED", "BY")
			for _, v := range list {
				row(w, v.Key, v.Version, legible(v.Name), v.SelfService, v.Deployed, v.DeployedBy.String())
			}
		})
	})
}

type processStartCmd struct {
	scope
	Key  string            `arg:"" help:"The process's id."`
	User string            `help:"Login name of whom it is for." placeholder:"NAME"`
	Var  map[string]string `help:"Variables, as name=value. A value that is JSON counts as that, any other as text." placeholder:"NAME=VALUE"`
	Once string            `help:"What you call this start: to start twice by one name is to start once." placeholder:"TEXT"`
}

func (processStartCmd) Help() string {
	return `A running server takes it on within a second; without one it waits for the next.

Example:
  bestow process start enrolKey --user alice@example.com --var title="Your new key"`
}

// Run starts the process.
func (c processStartCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		start := process.Start{Definition: c.Key, Key: c.Once, Variables: map[string]json.RawMessage{}}
		for name, value := range c.Var {
			start.Variables[name] = asVariable(value)
		}
		if c.User != "" {
			u, err := l.Credentials.User(in.ctx, l.by, credential.ByName(c.User))
			if err != nil {
				return err
			}
			start.Subject = string(u.ID)
		}
		r, err := l.Processes.Start(in.ctx, l.by, start)
		if err != nil {
			return err
		}
		return in.printRun(l, r)
	})
}

// asVariable is a value from the command line: JSON if it is that, otherwise text.
func asVariable(value string) json.RawMessage {
	if json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	text, _ := json.Marshal(value) // a string always has a JSON form
	return text
}
