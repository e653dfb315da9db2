/// Kinora's own version, as `kinora --version`, /api/health and the worker table tell it.
public let kinoraVersion = "0.1.0"
