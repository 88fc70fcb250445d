package bpmn

import (
	"slices"
	"strings"
)

// hint says why something is refused, and what to do instead.
type hint struct{ problem, instead string }

var zeebe = hint{"is written for Camunda 8 (zeebe:)", "choose Camunda Platform 7 in the modeler, or Flowable's"}

// hints are for what is of the standard and not of our subset.
var hints = map[string]hint{
	"task":             {"says neither a person nor a program", "make it a user task or a service task"},
	"manualTask":       {"is done outside", "make it a user task, whose form says what to do"},
	"scriptTask":       {"scripts are not run", "use a service task, or a condition at an exclusive gateway"},
	"businessRuleTask": {"decision tables are not read", "use conditions at an exclusive gateway"},
	"sendTask":         {"sends a message", "use a service task"},
	"receiveTask":      {"waits for a message", "use an intermediate event that catches a message"},

	"inclusiveGateway":  {"may take several flows", "use an exclusive gateway for each choice, between parallel gateways"},
	"complexGateway":    {"has rules of its own", "use exclusive and parallel gateways"},
	"eventBasedGateway": {"waits for several events", "use a user task or call activity with boundary events"},

	"subProcess":      {"is a process inside the process", "put it into a file of its own, and call it by a call activity"},
	"transaction":     {"is a transaction", "put its steps into the process itself, with boundary errors"},
	"adHocSubProcess": {"has no order", "draw the order, with gateways"},

	"intermediateThrowEvent": {"throws an event", "use a service task"},
	"implicitThrowEvent":     {"throws an event", "use a service task"},

	"standardLoopCharacteristics":      {"it repeats itself", "lead a flow back, by an exclusive gateway"},
	"multiInstanceLoopCharacteristics": {"it is done several times", "lead a flow back, by an exclusive gateway, or call a process for each"},

	"signalEventDefinition":      {"signals are not sent around", "catch a message, or call a process"},
	"escalationEventDefinition":  {"there is no escalation", "use a boundary error or a boundary timer"},
	"compensateEventDefinition":  {"nothing is compensated", "undo by a service task after a boundary error"},
	"cancelEventDefinition":      {"there are no transactions to cancel", "use an error end event"},
	"terminateEventDefinition":   {"it ends every branch", "use an error end event, which ends every branch with a code"},
	"conditionalEventDefinition": {"conditions are looked at when a gateway is reached, not before", "use an exclusive gateway"},
	"linkEventDefinition":        {"flows are drawn", "draw the flow"},
	"errorEventDefinition":       {"errors are caught at a task", "use a boundary error, or an error end event"},
	"messageEventDefinition":     {"messages are caught between tasks", "use an intermediate event that catches a message"},
	"timerEventDefinition":       {"timers are at a task", "use a boundary timer at a user task, service task or call activity"},

	"humanPerformer": {"people are named in another way", "set the assignee"},
	"potentialOwner": {"people are named in another way", "set the candidate group"},
	"performer":      {"people are named in another way", "set the assignee"},
	"resourceRole":   {"people are named in another way", "set the assignee"},
	"rendering":      {"forms are described in another way", "set a form key or form properties"},
	"script":         {"scripts are not run", "use a service task"},

	"callConversation": {"is not a process", "draw a process"},
	"choreography":     {"is not a process", "draw a process"},
	"globalTask":       {"is a task outside every process", "draw it in the process"},
	"globalUserTask":   {"is a task outside every process", "draw it in the process"},
}

func hintFor(local string) hint {
	if h, ok := hints[local]; ok {
		return h
	}
	return hint{"is not read here", "remove it"}
}

// refuseKind refuses an element for what it is.
func (r *reader) refuseKind(n *node) {
	h := hintFor(n.name.Local)
	r.refuse(n, n.name.Local+": "+h.problem, h.instead)
}

func set(names string) map[string]bool {
	s := make(map[string]bool)
	for _, name := range strings.Fields(names) {
		s[name] = true
	}
	return s
}

var (
	// beside stands outside the process, and means something only to what refers to it.
	beside = set(`import itemDefinition signal escalation dataStore category collaboration documentation extensionElements
		extension relationship resource interface endPoint partnerEntity partnerRole correlationProperty`)

	// drawing is in a process for people.
	drawing = set(`documentation laneSet textAnnotation association group dataObject dataObjectReference dataStoreReference
		property ioSpecification auditing monitoring`)

	// quietKids are in an element and change nothing here. Flows are known by their own ends.
	quietKids = set(`documentation incoming outgoing property ioSpecification dataInputAssociation dataOutputAssociation
		dataInput dataOutput inputSet outputSet auditing monitoring`)

	// kidsOf is what else is read in an element. A boundary event may have a timer instead.
	kidsOf = map[string]string{
		"endEvent":               "errorEventDefinition",
		"boundaryEvent":          "errorEventDefinition",
		"intermediateCatchEvent": "messageEventDefinition",
	}
)

// understood are attributes and elements of the engines that are read, by where they are.
var understood = map[string]map[string]bool{
	"startEvent":   set("formKey formProperty formData"),
	"serviceTask":  set("delegateExpression async asyncBefore field failedJobRetryTimeCycle inputOutput"),
	"userTask":     set("formKey formProperty formData assignee candidateGroups"),
	"callActivity": set("in out inheritVariables calledElementType calledElementBinding"),
}

// quietExtensions change nothing here: when engines write to their databases, what their
// own pages show, and what editors remember.
var quietExtensions = set(`async asyncBefore asyncAfter asyncLeave exclusive asyncLeaveExclusive jobPriority taskPriority
	historyTimeToLive versionTag isStartableInTasklist category properties modelerversion formFieldValidation`)

// refusedExtensions are attributes and elements of the engines that change what is done.
var refusedExtensions = map[string]hint{
	"class":                             {"names a Java class", "set the delegate expression, such as ${daFidoGetCreationOptionsTask}"},
	"expression":                        {"calls a method", "set the delegate expression, such as ${daFidoGetCreationOptionsTask}"},
	"type":                              {"is a task of an engine's own kind", "set the delegate expression, such as ${daFidoGetCreationOptionsTask}"},
	"topic":                             {"is for an external worker", "set the delegate expression, such as ${daFidoGetCreationOptionsTask}"},
	"triggerable":                       {"is woken by a call", "set async: tasks that wait are woken by what they wait for"},
	"resultVariable":                    {"is not set", "name the variable in the task's own parameter"},
	"resultVariableName":                {"is not set", "name the variable in the task's own parameter"},
	"skipExpression":                    {"would skip it", "lead a flow around it, by an exclusive gateway"},
	"executionListener":                 {"has code run aside", "use a service task"},
	"taskListener":                      {"has code run aside", "use a service task"},
	"eventListener":                     {"has code run aside", "use a service task"},
	"connector":                         {"is a connector of an engine", "use a service task"},
	"script":                            {"scripts are not run", "use a service task"},
	"mapException":                      {"there are no Java exceptions", "use a boundary error"},
	"candidateUsers":                    {"names several people", "set the assignee or the candidate group"},
	"candidateStarterUsers":             {"says who may start it", "say so where the process is deployed"},
	"candidateStarterGroups":            {"says who may start it", "say so where the process is deployed"},
	"potentialStarter":                  {"says who may start it", "say so where the process is deployed"},
	"errorCodeVariable":                 {"is not set", "name errorTypeField at the task"},
	"errorMessageVariable":              {"is not set", "name errorMessageField at the task"},
	"errorVariableName":                 {"is not set", "name errorTypeField at the task"},
	"variableMappingClass":              {"names a Java class", "map variables by in and out"},
	"variableMappingDelegateExpression": {"maps by code", "map variables by in and out"},
	"caseRef":                           {"calls a case", "call a process"},
	"formRef":                           {"is a form of an engine", "set a form key or form properties"},
	"formHandlerClass":                  {"names a Java class", "set a form key or form properties"},
}

// extensions looks through what the engines have to say about n: what changes what is
// done and is not read here is refused, and what nobody knows is told of.
func (r *reader) extensions(n *node) {
	var names []string
	for _, a := range n.attrs {
		switch {
		case a.Name.Space == zeebeSpace:
			r.refuse(n, zeebe.problem, zeebe.instead)
		case engineSpaces[a.Name.Space] != "":
			names = append(names, a.Name.Local)
		}
	}
	if x := n.kid("extensionElements"); x != nil {
		for _, k := range x.kids {
			switch {
			case k.name.Space == zeebeSpace:
				r.refuse(n, zeebe.problem, zeebe.instead)
			case engineSpaces[k.name.Space] != "" && !slices.Contains(names, k.name.Local):
				names = append(names, k.name.Local)
			}
		}
	}
	for _, name := range names {
		h, refused := refusedExtensions[name]
		switch {
		case understood[n.name.Local][name] || quietExtensions[name]:
		case refused:
			r.refuse(n, name+": "+h.problem, h.instead)
		default:
			r.warn(n, name+" is not read here and changes nothing", "")
		}
	}
}
