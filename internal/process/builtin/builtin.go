// Package builtin has the service tasks that need nothing but the process itself.
package builtin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
)

// Handlers returns the tasks by the name that an expression calls them:
//
//	setVariableTask  sets the variable name to value
//	waitTask         waits for duration, such as PT10M
func Handlers() map[string]process.Handler {
	return map[string]process.Handler{"setVariableTask": setVariable{}, "waitTask": wait{}}
}

// checkNames returns an error if a parameter is missing, or there is one that the task
// does not have. The error fields belong to every task.
func checkNames(params map[string]string, required ...string) error {
	for _, name := range required {
		if _, ok := params[name]; !ok {
			return fmt.Errorf("the parameter %s is missing", name)
		}
	}
	for name := range params {
		if !slices.Contains(required, name) && !bpmn.IsErrorField(name) {
			return fmt.Errorf("there is no parameter %s", name)
		}
	}
	return nil
}

// isLiteral reports whether a parameter is the same in every run.
func isLiteral(param string) bool { return !strings.Contains(param, "${") }

type setVariable struct{}

// Check implements [process.Handler].
func (setVariable) Check(params map[string]string) error {
	if err := checkNames(params, "name", "value"); err != nil {
		return err
	}
	if name := params["name"]; isLiteral(name) {
		return bpmn.CheckName(name)
	}
	return nil
}

// Do implements [process.Handler].
func (setVariable) Do(_ context.Context, w process.Work) (process.Result, error) {
	var name string
	if err := json.Unmarshal(w.Params["name"], &name); err != nil || bpmn.CheckName(name) != nil {
		return process.Result{}, &process.TaskError{Type: "VARIABLE_NAME", Message: "the name of the variable is none"}
	}
	return process.Result{Outputs: map[string]json.RawMessage{name: w.Params["value"]}}, nil
}

type wait struct{}

// Check implements [process.Handler].
func (wait) Check(params map[string]string) error {
	if err := checkNames(params, "duration"); err != nil {
		return err
	}
	if d := params["duration"]; isLiteral(d) {
		_, err := parseDuration(d)
		return err
	}
	return nil
}

// until is what a wait remembers.
type until struct {
	Until time.Time `json:"until"`
}

// Do implements [process.Handler].
func (wait) Do(_ context.Context, w process.Work) (process.Result, error) {
	var text string
	if err := json.Unmarshal(w.Params["duration"], &text); err != nil {
		return process.Result{}, errDuration(text)
	}
	d, err := parseDuration(text)
	if err != nil {
		return process.Result{}, errDuration(text)
	}
	end := w.Now.Add(d)
	data, err := json.Marshal(until{end})
	if err != nil {
		return process.Result{}, err
	}
	return process.Result{
		Wait: &process.Wait{Key: "wait/" + w.Key, Look: end, Data: data},
		Note: "until " + end.Format(time.RFC3339),
	}, nil
}

func errDuration(text string) error {
	return &process.TaskError{Type: "DURATION", Message: fmt.Sprintf("%q is not a duration such as PT10M", text)}
}

// Wake implements [process.Waker].
func (wait) Wake(_ context.Context, w process.Work, waiting process.Wait) (process.Result, error) {
	var u until
	if err := json.Unmarshal(waiting.Data, &u); err != nil {
		return process.Result{}, err
	}
	if w.Now.Before(u.Until) {
		return process.Result{Wait: &waiting}, nil
	}
	return process.Result{}, nil
}
