package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"bestow.dev/internal/process"
)

// waits is a process that does something at once, waits for somebody, and does something
// again.
const waits = `<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="urn:load">
  <process id="waits" name="Waits for somebody" isExecutable="true">
    <startEvent id="start"/>
    <serviceTask id="first" flowable:delegateExpression="${setVariableTask}"><extensionElements>
      <flowable:field name="name"><flowable:string>first</flowable:string></flowable:field>
      <flowable:field name="value"><flowable:string>done</flowable:string></flowable:field>
    </extensionElements></serviceTask>
    <userTask id="ask" name="Say when"/>
    <serviceTask id="last" flowable:delegateExpression="${setVariableTask}"><extensionElements>
      <flowable:field name="name"><flowable:string>last</flowable:string></flowable:field>
      <flowable:field name="value"><flowable:string>done</flowable:string></flowable:field>
    </extensionElements></serviceTask>
    <endEvent id="end"/>
    <sequenceFlow id="f1" sourceRef="start" targetRef="first"/>
    <sequenceFlow id="f2" sourceRef="first" targetRef="ask"/>
    <sequenceFlow id="f3" sourceRef="ask" targetRef="last"/>
    <sequenceFlow id="f4" sourceRef="last" targetRef="end"/>
  </process>
</definitions>`

// waitOf is of how many runs one stays waiting.
const waitOf = 5

// maxGrowth is what the live heap and the stacks may hold more at the end than at the
// first mark: what caches fill with, and nothing for each run.
const maxGrowth = 4 << 20

// memory drives many runs through the engine and looks what they leave in the process:
// nothing, while those that wait are rows.
func (b *bench) memory(ctx context.Context) error {
	if *long <= 0 {
		return nil
	}
	if _, err := b.server.Processes.Deploy(ctx, operator, process.Deploy{XML: []byte(waits)}); err != nil {
		return err
	}
	persons, err := b.persons(ctx, -1, *flight)
	if err != nil {
		return err
	}
	var first footprint
	done := 0
	for _, mark := range []int{*long / 50, *long / 5, *long} {
		which := make([]int, mark-done)
		for i := range which {
			which[i] = done + i
		}
		took, err := together(*flight, which, func(i int) error { return persons[i%len(persons)].say(ctx, i%waitOf != 0) })
		if err != nil {
			return err
		}
		rate := float64(mark-done) / took.Seconds()
		done = mark
		now := b.rest(first)
		if first.goroutines == 0 {
			first = now
		}
		fmt.Printf("%-52s %9.1f MiB, %d goroutines, %.0f/s\n", fmt.Sprintf("after %d runs, of which %d wait", done, done/waitOf), float64(now.memory)/(1<<20), now.goroutines, rate)
		if now.goroutines > first.goroutines || now.memory > first.memory+maxGrowth {
			return fmt.Errorf("runs leave something behind: %+v after %d, %+v after %d", first, *long/50, now, done)
		}
	}
	return nil
}

// say takes one run to where it waits, and if so asked to its end.
func (p *person) say(ctx context.Context, when bool) error {
	s := p.b.server.Processes
	run, err := s.Start(ctx, operator, process.Start{Definition: "waits", Subject: p.id})
	if err != nil {
		return err
	}
	if !when {
		return nil
	}
	page, err := s.Tasks(ctx, operator, process.TaskFilter{Run: run.ID})
	if err != nil {
		return err
	}
	if len(page.Tasks) != 1 {
		return fmt.Errorf("%d tasks wait, want one", len(page.Tasks))
	}
	if run, err = s.CompleteTask(ctx, p.authority(), page.Tasks[0].ID, nil); err != nil {
		return err
	}
	return p.ended(ctx, run.ID)
}

// rest measures once what was under way has ended: what does a job tells first, and ends
// then.
func (b *bench) rest(first footprint) footprint {
	for end := time.Now().Add(patience); ; {
		now := measureFootprint()
		if first.goroutines == 0 || now.goroutines <= first.goroutines || time.Now().After(end) {
			return now
		}
		runtime.Gosched()
	}
}
