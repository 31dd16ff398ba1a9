// Package peers knows the servers that Weir is measured against: how each is built and started. It
// is a module of its own, so that no peer ever enters the library's go.mod. README.md says what each
// of them is and why it is written as it is; the command matrix measures them.
package peers
