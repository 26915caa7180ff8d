package console

import "github.com/refundry/refundry/merchant"

// Route is a route as tests see it.
type Route struct {
	Pattern    string
	Scope      merchant.Scope
	Everywhere bool
}

// Routes are all that need somebody signed in.
func Routes() []Route {
	var all []Route
	for _, one := range allRoutes() {
		all = append(all, Route{one.pattern, one.scope, one.everywhere})
	}
	return all
}
