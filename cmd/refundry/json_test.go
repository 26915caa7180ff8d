package main

import (
	"io"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// noJSON are the commands that print no data, or whose data has a form of its own.
var noJSON = []string{
	"serve", "demo", "channel-sim serve", "channel-sim soak", // run until they are stopped, or show what they do
	"backup", "restore", "key expire", // print no data
	"key export", "completion", "man", // a key, a script and a page
}

// Whoever scripts a command gets its data as JSON.
func TestEveryCommandThatPrintsDataHasJSON(t *testing.T) {
	var p program
	parser, err := newParser(&p, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var leaves func(node *kong.Node, path string)
	leaves = func(node *kong.Node, path string) {
		for _, child := range node.Children {
			leaves(child, path+" "+child.Name)
		}
		if len(node.Children) > 0 || path == "" {
			return
		}
		has := slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "json" })
		if listed := slices.Contains(noJSON, path[1:]); has == listed {
			t.Errorf("%s: has --json: %v", path[1:], has)
		}
	}
	leaves(parser.Model.Node, "")
}
