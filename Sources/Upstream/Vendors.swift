public import Core

/// Every vendor, found by the name that routes and accounts carry.
public enum Vendors {
    public static let all: [any Vendor] = [
        OpenAI(), OpenArt(), Ark(), Ark(.byteplus), DashScope(), Vidu(), Zhipu(), Kling(), Jimeng(),
        MiniMax(), Runway(), Luma(), LumaAgents(), Fal(), Replicate(), Hub(), Llmage(), JimengAPI(),
        SoraChat(),
    ]

    /// Throws `configuration` for a name that this Kinora does not know.
    public static func named(_ name: String) throws(KinoraError) -> any Vendor {
        guard let vendor = all.first(where: { $0.name == name }) else {
            let known = all.map(\.name).joined(separator: ", ")
            throw KinoraError(.configuration, "Unknown vendor '\(name)'. Known: \(known).", field: "vendor")
        }
        return vendor
    }
}
