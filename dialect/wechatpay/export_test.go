package wechatpay

// Routes are for the suite.
var Routes = routes
