package wallet

// Routes are for the suite.
var Routes = routes
