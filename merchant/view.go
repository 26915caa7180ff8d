package merchant

import "time"

// Limits of the lists that a user keeps under a name.
const (
	MaxViews     = 50
	MaxViewName  = 60   // characters
	MaxViewQuery = 2000 // bytes
)

// ViewRefunds is the page of the console whose lists are kept.
const ViewRefunds = "refunds"

// View is a list of the console that a user keeps under a name: a page and its
// parameters.
type View struct {
	UserID, Page, Name, Query string
	CreatedAt                 time.Time
}
