// Package provision is what the service tasks of identity processes do: it is the room
// where processes meet credentials and the relay.
//
// [Service.Handlers] are the tasks by the names that expressions call them, for
// [process.Config]. They reach a relying party through a [DigitalAccess] and desks
// through a [Messaging]: each either ours, called directly, or another server over
// HTTP, as the connection or messaging server says that the task names.
//
//	svc, err := provision.New(provision.Config{Store: db.Provision(), …})
//	processes, err := process.New(process.Config{Handlers: svc.Handlers(), …})
//
// # Settings
//
// Connections and messaging servers are settings of a tenant: [Service.PutConnection],
// [Service.PutMessagingServer]. Their secrets are sealed with a key of the installation
// ([Sealer]) and never shown again.
//
// # Promises
//
// A task may be done more than once, after a crash for instance, and comes out the same:
// commands carry an id made of the work's key, by which a relay knows them again; a
// credential that is there already, stored for that user by the same run, is a success.
//
// What comes in from outside is a hint: [Service.Heard] has whoever waits for a command
// look again, and what counts is what the relay says when it is asked. Where the task
// names a set of attestation keys the device's signed answer is verified with it, and
// nothing else is used.
//
// Outcomes that a process may deal with are a [process.TaskError] whose type is one of
// the constants of this package; its message begins with what the other side called it.
// A server that cannot be reached is a fault, which is tried again, and an outcome from
// the third try on.
package provision
