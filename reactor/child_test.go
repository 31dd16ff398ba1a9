package reactor

// childVariable makes the test binary run child instead of the tests.
const childVariable = "WEIR_TEST_CHILD"

func child() {}
