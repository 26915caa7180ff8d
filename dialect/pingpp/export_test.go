package pingpp

// Routes are for the suite.
var Routes = routes
