// Package docs holds the pages of this folder, so that the program can serve them
// (package docsite) wherever it runs.
package docs

import "embed"

// Files are the pages and what they link to, by their names below docs/.
//
//go:embed *.md */*.md examples
var Files embed.FS
