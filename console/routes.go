package console

import "github.com/refundry/refundry/merchant"

// route is a page or an action.
type route struct {
	// pattern is as in http.ServeMux, with the method.
	pattern string
	// scope is what a user needs: of the merchant chosen, or of any where none is
	// chosen. "" is for everybody who is signed in.
	scope  merchant.Scope
	handle func(*page) error
	// everywhere says that the scope must be of all merchants.
	everywhere bool
	// maxBody bounds the body in bytes; 0 is maxForm.
	maxBody int64
}

// routes are the pages and actions of the console, in the order of its menu.
var routes = []route{
	{pattern: "GET /console/{$}", scope: merchant.ScopeRead, handle: (*page).overview},
	{pattern: "GET /console/refunds/{id}", scope: merchant.ScopeRead, handle: (*page).refund},
	{pattern: "GET /console/refunds/{id}/{action}", scope: merchant.ScopeRead, handle: (*page).refundConfirm},
	{pattern: "POST /console/refunds/{id}/{action}", scope: merchant.ScopeRead, handle: (*page).refundDo},
	{pattern: "POST /console/logout", handle: (*page).signOut},
}

// publicRoutes need nobody signed in.
var publicRoutes = []route{
	{pattern: "GET /console/login", handle: (*page).login},
	{pattern: "POST /console/login", handle: (*page).signIn},
}

// menuEntry is a link of the menu.
type menuEntry struct {
	// key is its text in the catalogue.
	key, path string
	// under are the paths of which it is shown as the current one.
	under string
	scope merchant.Scope
}

// menu is the navigation, in its order. A link is shown to who has its scope of
// any merchant.
var menu = []menuEntry{
	{"menu.overview", "/console/", "", merchant.ScopeRead},
	{"menu.refunds", "/console/refunds", "/console/refunds", merchant.ScopeRead},
	{"menu.queues", "/console/queues/approvals", "/console/queues/", merchant.ScopeRead},
	{"menu.policies", "/console/policies", "/console/policies", merchant.ScopeRead},
	{"menu.bulk", "/console/bulk", "/console/bulk", merchant.ScopeRefund},
	{"menu.settings", "/console/settings/merchants", "/console/settings/", merchant.ScopeRead},
	{"menu.audit", "/console/audit", "/console/audit", merchant.ScopeRead},
}
