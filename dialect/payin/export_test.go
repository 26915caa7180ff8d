package payin

// Routes are for the suite.
var Routes = routes
