// Package scheme registers the agent for the URL scheme of plugout links, so that a
// browser can hand a link to it.
//
// On Linux it does so for the current user: a desktop entry and the default handler
// of the scheme, see [Linux]. For Windows and macOS it returns the files that an
// administrator distributes, with instructions: [Windows] and [MacOS]. In all three a
// link stands behind "--" on the command line, so that it is never read as an option.
package scheme

// Name is the scheme that is registered, that of plugout links.
const Name = "com.nexusgroup.plugout"

// File is a file to be put in place by hand, or by the tools of an administrator.
type File struct {
	Name    string
	Content string
}

// Program is how the agent is called, without the word open: its absolute path, and
// the words that lead to the agent where it is part of a larger program.
type Program []string
