// Package fronttest is what the tests of the doors do alike: [Document] holds what a door
// answers against its OpenAPI document, [Desk] is a security key in a browser, [Clock] and
// [Log] are what a world stands on.
package fronttest
