package process

import (
	"errors"

	"bestow.dev/internal/fault"
)

// The refusals of this package. Codes are stable once released. Beside these a call may
// return whatever the store returns for a fault of its own.
var (
	// Of definitions.
	ErrDefinition        = fault.New(fault.Invalid, "process.definition", "The process definition is not valid.")
	ErrDefinitionUnknown = fault.New(fault.NotFound, "process.definition_unknown", "There is no such process definition.")
	ErrHandlerUnknown    = fault.New(fault.Invalid, "process.task_unknown", "There is no service task of this name.")
	ErrParameters        = fault.New(fault.Invalid, "process.parameters", "The parameters of a service task are not valid.")
	ErrNotAsync          = fault.New(fault.Invalid, "process.not_async", "A service task has to be done in the background.")
	ErrCallUnknown       = fault.New(fault.Invalid, "process.call_unknown", "A called process does not exist.")

	// Of runs.
	ErrRunUnknown  = fault.New(fault.NotFound, "process.run_unknown", "There is no such run.")
	ErrRunEnded    = fault.New(fault.Conflict, "process.run_ended", "The run has ended already.")
	ErrOwn         = fault.New(fault.Denied, "process.self", "Nobody may start this process for themselves.")
	ErrSubject     = fault.New(fault.NotFound, "process.subject_unknown", "There is no such user.")
	ErrIdempotency = fault.New(fault.Conflict, "process.idempotency", "Another start was made with this idempotency key.")
	ErrVariables   = fault.New(fault.Invalid, "process.variables", "The variables are not valid.")
	ErrReason      = fault.New(fault.Invalid, "process.reason", "The reason is too long, or not text.")
	ErrBusy        = fault.New(fault.Unavailable, "process.busy", "The run is changing too fast. Nothing was changed; try again.")
	ErrMessage     = fault.New(fault.Conflict, "process.message", "The run does not wait for this message.")
	ErrStep        = fault.New(fault.Internal, "process.step", "The process could not go on.")

	// Of jobs.
	ErrJobUnknown  = fault.New(fault.NotFound, "process.job_unknown", "There is no such job.")
	ErrNoIncident  = fault.New(fault.Conflict, "process.no_incident", "The job needs nobody's help.")
	ErrNotSkipable = fault.New(fault.Conflict, "process.not_skipable", "Only the work of a service task can be skipped.")

	// Of people's tasks.
	ErrTaskUnknown = fault.New(fault.NotFound, "process.user_task_unknown", "There is no such task.")
	ErrTaskOver    = fault.New(fault.Conflict, "process.user_task_over", "The task is over.")
	ErrTaskTaken   = fault.New(fault.Conflict, "process.user_task_taken", "Somebody else has taken the task.")
	ErrForm        = fault.New(fault.Invalid, "process.form", "The form is not filled in as it should be.")
	ErrLinkUnknown = fault.New(fault.NotFound, "process.link_unknown", "This link is not valid.")
	ErrLinkSpent   = fault.New(fault.Gone, "process.link_spent", "This link was used already.")
	ErrLinkExpired = fault.New(fault.Gone, "process.link_expired", "This link has expired.")
	ErrLinkLife    = fault.New(fault.Invalid, "process.link_life", "A link lives from one minute to seven days.")
	ErrLinkNobody  = fault.New(fault.Conflict, "process.link_nobody", "The task is for nobody in particular; it has no link.")
	ErrSession     = fault.New(fault.Unauthenticated, "process.session_unknown", "The session has ended. Ask for a new link.")

	// Of lists.
	ErrCursor = fault.New(fault.Invalid, "process.cursor", "The cursor is not one of ours.")
	ErrLimit  = fault.New(fault.Invalid, "process.limit", "A page has 1 to 1000 entries.")
)

// What a store says to this package alone.
var (
	// ErrStale says that the run has changed since it was read.
	ErrStale = errors.New("process: the run has changed")
	// ErrClaimLost says that the job is gone, or somebody else's by now.
	ErrClaimLost = errors.New("process: the claim of a job is lost")
)
