package native

// Routes are for the suite.
var Routes = New(Services{}).routes()
