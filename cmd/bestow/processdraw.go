package main

import (
	"errors"
	"os"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/process"
)

type processDrawCmd struct {
	scope
	What    string `arg:"" help:"A BPMN 2.0 file, a run's id, or a process's id."`
	Version int    `arg:"" optional:"" help:"An older version of the process; the newest otherwise."`
	Out     string `help:"File to write, instead of standard output." placeholder:"FILE" type:"path"`
}

func (processDrawCmd) Help() string {
	return `Draws SVG: as the file has it drawn, or laid out anew. The picture of a run shows where it
has been, where it stands and what failed. Where a file has the name, it is the file.

Examples:
  bestow process draw enrol.bpmn --out enrol.svg
  bestow process draw enrolKey 2 > enrol.svg
  bestow process draw 4QGFJ2YV7KX3M5T6ZB8WAHCRDN --out run.svg`
}

// Run draws the picture.
func (c processDrawCmd) Run(in *invocation) error {
	if info, err := os.Stat(c.What); err == nil && info.Mode().IsRegular() {
		return c.drawFile(in)
	}
	return in.on(c.scope, func(l *local) error {
		r, err := l.Processes.GetRun(in.ctx, l.by, c.What)
		if err == nil {
			return c.drawRun(l, r)
		}
		if !errors.Is(err, process.ErrRunUnknown) {
			return err
		}
		d, err := l.Processes.Parsed(in.ctx, l.by, c.What, c.Version)
		if errors.Is(err, process.ErrDefinitionUnknown) && c.Version == 0 {
			return process.ErrDefinitionUnknown.Saying("There is no file, run or process %s.", legible(c.What))
		}
		if err != nil {
			return err
		}
		return c.write(in, bpmn.Draw(d, bpmn.Picture{}))
	})
}

func (c processDrawCmd) drawFile(in *invocation) error {
	text, err := readDefinition(c.What)
	if err != nil {
		return err
	}
	d, err := bpmn.Parse(text)
	if err != nil {
		return fault.New(fault.Invalid, "process.definition", c.What+":\n"+err.Error())
	}
	return c.write(in, bpmn.Draw(d, bpmn.Picture{}))
}

func (c processDrawCmd) drawRun(l *local, r *process.Run) error {
	d, err := l.Processes.Parsed(l.in.ctx, l.by, r.Definition, r.Version)
	if err != nil {
		return err
	}
	p, err := l.pictureOf(r)
	if err != nil {
		return err
	}
	return c.write(l.in, bpmn.Draw(d, p))
}

// pictureOf says where a run has been and stands. What needs somebody's help counts as
// failed.
func (l *local) pictureOf(r *process.Run) (p bpmn.Picture, err error) {
	for after := int64(0); ; {
		entries, err := l.Processes.Timeline(l.in.ctx, l.by, r.ID, after, maxTimeline)
		if err != nil {
			return p, err
		}
		for _, e := range entries {
			p.Show(e.Element, bpmn.Move(e.Kind), e.Flow)
		}
		if len(entries) < maxTimeline {
			break
		}
		after = entries[len(entries)-1].Seq
	}
	jobs, err := l.Processes.Jobs(l.in.ctx, l.by, r.ID)
	for _, j := range jobs {
		if j.State == process.JobIncident {
			p.Show(j.Element, bpmn.MoveFailed, "")
		}
	}
	return p, err
}

// write writes the picture to where it is wanted.
func (c processDrawCmd) write(in *invocation, svg []byte) error {
	if c.Out == "" {
		_, err := in.stdout.Write(svg)
		return err
	}
	if err := os.WriteFile(c.Out, svg, 0o644); err != nil {
		return err
	}
	return in.done("written", c.Out)
}
