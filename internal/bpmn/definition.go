package bpmn

import "time"

// Kind is a kind of element.
type Kind string

// The kinds of elements.
const (
	StartEvent       Kind = "startEvent"
	EndEvent         Kind = "endEvent"
	ErrorEnd         Kind = "errorEndEvent"
	ServiceTask      Kind = "serviceTask"
	UserTask         Kind = "userTask"
	ParallelGateway  Kind = "parallelGateway"
	ExclusiveGateway Kind = "exclusiveGateway"
	BoundaryTimer    Kind = "boundaryTimer"
	BoundaryError    Kind = "boundaryError"
	MessageCatch     Kind = "messageCatchEvent"
	CallActivity     Kind = "callActivity"
)

// Definition is a process that can be run. It comes out of [Parse].
type Definition struct {
	// ID is the process's id in the file, by which it is called; Name is for people.
	ID, Name      string
	Documentation string

	// Elements are the nodes of the process by id, and Order their ids as the file has
	// them. Start is the id of the one start event.
	Elements map[string]*Element
	Order    []string
	Flows    map[string]*Flow
	Start    string

	// Diagram is where everything is drawn; nil if the file does not say.
	Diagram *Diagram

	// Warnings tell of what is read all right and probably not meant.
	Warnings []*DefinitionError
}

// Element is a node of a process.
type Element struct {
	ID, Name string
	Kind     Kind
	Line     int // in the file, from 1

	Documentation string

	// Incoming and Outgoing are ids of flows, in the file's order. Default is the flow of
	// an exclusive gateway that is taken where no condition holds; empty for none.
	Incoming, Outgoing []string
	Default            string

	Work *Work // of a service task
	Form *Form // of a user task; also of a start event that asks for something
	Call *Call // of a call activity

	// AttachedTo is the task that a boundary event is at.
	AttachedTo string
	// Boundary are the ids of the boundary events at a task.
	Boundary []string
	Timer    *Timer // of a boundary timer
	// ErrorCode is what a boundary error catches, empty for every error, or what an error
	// end throws.
	ErrorCode string
	Message   string // name of the message that is caught
}

// Work is what a service task does.
type Work struct {
	// Task is the expression's name: "daFidoGetCreationOptionsTask" for
	// ${daFidoGetCreationOptionsTask}.
	Task string
	// Async says that it is done in the background: whoever caused it does not wait.
	Async bool
	// Params are the named parameters, literals and expressions as written.
	Params []Param
	// Retries is how often it is tried again after a fault; -1 if the file does not say.
	Retries int
	// RetryEvery is how long after a fault it is tried again; 0 if the file does not say.
	RetryEvery time.Duration
}

// Param is a named parameter.
type Param struct {
	Name  string
	Value Template
	Line  int
}

// Form is what a person is asked for.
type Form struct {
	// Key names a page of the program, such as "plugout"; empty for a page made of Fields.
	Key    string
	Fields []Field

	// Assignee is who the task is for, by user name; Role is which operators may do it.
	// Both empty: whoever the process is for.
	Assignee Template
	Role     string
}

// PlugoutForm is the key of the form that opens a link to a desk. It has two fields beside
// those that the file gives it, both read-only: the link, and the session that it opens.
const (
	PlugoutForm         = "plugout"
	PlugoutURLField     = "plugoutUrl"
	PlugoutSessionField = "fidoSession"
)

// InvitationForm is the key of the form that leads to another page, such as that of an
// invitation: each of its read-only fields that is a link is offered as one.
const InvitationForm = "invitation"

// Field is one thing a person is asked for.
type Field struct {
	Name, Label string
	Type        FieldType
	Required    bool
	ReadOnly    bool
	Default     Template
	Options     []Option // of an enumeration
}

// FieldType is a kind of form field.
type FieldType string

// The kinds of form fields.
const (
	TextField    FieldType = "string"
	LongText     FieldType = "text"
	NumberField  FieldType = "long"
	BooleanField FieldType = "boolean"
	DateField    FieldType = "date"
	EnumField    FieldType = "enum"
)

// Option is one value of an enumeration.
type Option struct{ Value, Label string }

// Call is a call of another process.
type Call struct {
	Process string // its id; the version in force when it is called is taken
	// In are the variables that the called process begins with, and Out those that come
	// back. Nil means all variables, and empty none. A call with a mapping in one
	// direction has an empty one in the other, not nil.
	In, Out []Mapping
}

// Mapping copies a variable.
type Mapping struct {
	Source Template // an expression, or ${variable}
	Target string
}

// Timer says when a boundary timer fires: exactly one member is set.
type Timer struct {
	Duration Template // ISO 8601, such as PT10M, from when its task is entered
	Date     Template // RFC 3339
}

// Flow leads from one element to another.
type Flow struct {
	ID, Name  string
	From, To  string
	Condition *Condition // nil for none
	Line      int
}

// Diagram is where a definition is drawn, in the editor's units.
type Diagram struct {
	Shapes map[string]Bounds  // by element
	Edges  map[string][]Point // by flow
}

// Bounds is a rectangle: its upper left corner and its size.
type Bounds struct{ X, Y, Width, Height float64 }

// Point is a point of a line.
type Point struct{ X, Y float64 }
